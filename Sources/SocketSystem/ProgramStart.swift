/// A program to start as a child process.
package struct ProgramStart: Sendable {
    package var path: String
    /// With the program's own name as the first.
    package var arguments: [String]
    package var environment: [String: String]
    /// The child's descriptors 3, 4, …
    package var descriptors: [CInt]
    /// The environment variables that get the child's number.
    package var numberVariables: [String]
    /// Whether the child gets a process group of its own. What a terminal or a shell sends to the
    /// group of this process (Control-C, the hang-up) does not reach it then.
    package var hasOwnGroup = false
    /// The signal that the child gets when the calling thread ends.
    package var signalAtParentsEnd: SignalNumber?

    package init(path: String, arguments: [String], environment: [String: String]) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        descriptors = []
        numberVariables = []
    }
}
