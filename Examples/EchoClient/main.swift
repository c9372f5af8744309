// Sends numbered messages to an echo server and prints what comes back.
import AsyncSockets
import ExampleSupport

await runExample("EchoClient [HOST:PORT] [COUNT]", arguments: 2) { arguments in
    let address = arguments.first ?? "127.0.0.1:9999"
    guard let count = Int(arguments.dropFirst().first ?? "3"), count > 0 else {
        throw WrongArguments()
    }
    let connection = try await TCPConnection.connect(to: address)
    var echoes = connection.lines.makeAsyncIterator()
    for number in 1...count {
        try await connection.write("message \(number)\n")
        guard let echo = try await echoes.next() else {
            return say("the server has left")
        }
        say(printable(echo))
    }
}
