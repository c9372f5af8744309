public import AsyncSockets

extension SocketError.Operation {
    /// Taking a socket over from the process that started the program, `LISTEN_FDS`.
    public static var inherit: Self { Self("inherit") }
    /// Telling the service manager about the program's state, `sd_notify(3)`.
    public static var notify: Self { Self("notify the service manager") }
    /// Starting a process, `vfork(2)` and `execve(2)`.
    public static var startProcess: Self { Self("start process") }
    /// Keeping worker processes running.
    public static var supervise: Self { Self("supervise workers") }
    /// Handing over the sockets to a new version of the program.
    public static var hotRestart: Self { Self("hot restart") }
}
