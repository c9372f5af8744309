public import AsyncSockets
internal import ExampleSupport
public import SocketService

/// Waits until it is time to leave: because of SIGTERM or SIGINT, because the task was cancelled,
/// or because a new version of the program has taken the sockets over, which SIGUSR2 starts.
///
/// Signals are heard while a new version is being started: SIGTERM then ends both, and so does
/// cancelling the task.
///
/// - Parameters:
///   - signals: SIGTERM and SIGINT, unless they cancel the task; SIGUSR2, if the program replaces
///     itself.
///   - sockets: What a new version inherits.
/// - Returns: Whether a new version has taken over.
public func waitUntilReplaced(
    on signals: SignalNotifications,
    passing sockets: @escaping @Sendable () throws -> [SharedSocket]
) async -> Bool {
    let restart = HotRestart()
    return await withTaskGroup(of: Event.self) { events in
        var isReplaced = false
        events.addTask { await nextSignal(of: signals) }
        while let event = await events.next() {
            switch event {
            case .signal(.user2):
                events.addTask { await replace(by: restart, passing: sockets) }
                events.addTask { await nextSignal(of: signals) }
            // A restart that is under way is given up; its end comes as an event, too.
            case .signal: events.cancelAll()
            case .restarted(let hasSucceeded):
                guard hasSucceeded else { break }
                isReplaced = true
                events.cancelAll()
            }
        }
        return isReplaced
    }
}

private enum Event: Sendable {
    case signal(Signal?)
    case restarted(Bool)
}

private func nextSignal(of signals: SignalNotifications) async -> Event {
    for await signal in signals { return .signal(signal) }
    return .signal(nil)
}

private func replace(
    by restart: HotRestart,
    passing sockets: @Sendable () throws -> [SharedSocket]
) async -> Event {
    do {
        say("process \(try await restart.start(passing: sockets())) has taken over")
        return .restarted(true)
    } catch is CancellationError {
        return .restarted(false)
    } catch {
        say("serving on: \(error)")
        return .restarted(false)
    }
}
