@testable import SocketReactor

// MARK: - One task

extension SocketWorld {
    mutating func step(_ index: Int) throws {
        switch tasks[index].phase {
        case .begins:
            tasks[index].phase = tasks[index].isCancelled ? .done(.cancelled) : .takesTurn
        case .takesTurn: takeTurn(index)
        case .standsInLine: standInLine(index)
        case .leftLine(.ready):
            if state.isClosed {
                tasks[index].phase = .ends(leaving: .unknown, .closed)
            } else if tasks[index].isCancelled {
                tasks[index].phase = .ends(leaving: .unknown, .cancelled)
            } else {
                tasks[index].phase = .calls
            }
        case .leftLine(.timedOut): finish(index, .timedOut)
        case .leftLine(let outcome): finish(index, outcome == .closed ? .closed : .cancelled)
        case .calls: try call(index)
        case .arms:
            // Under the loop's lock, where nobody closes between the look and the arming.
            if state.isClosed {
                tasks[index].phase = .woke(.closed)
            } else {
                state[.read].arm()
                isArmed = true
                if items > 0 { hasEdge = true }
                tasks[index].phase = tasks[index].plan.isOwner ? .waits : .installsHandler
            }
        case .installsHandler:
            tasks[index].hasHandler = true
            // A handler that is added to a cancelled task is called at once.
            if tasks[index].isCancelled { _ = state[.read].cancel() }
            let isBeforehand = tasks[index].plan.deadline == .beforehand
            tasks[index].phase = isBeforehand ? .setsTimer : .waits
        case .setsTimer:
            tasks[index].hasTimer = true
            tasks[index].phase = .waits
        case .waits:
            let isOwner = tasks[index].plan.isOwner
            switch state[.read].wait(asOwner: isOwner) {
            case .suspend where isOwner: tasks[index].phase = .looks
            case .suspend: suspend(index)
            case .resume(let outcome): tasks[index].phase = .woke(outcome)
            }
        case .looks:
            // Who has woken it has queued its job, which runs once it is suspended.
            let cancels = tasks[index].isCancelled && state[.read].cancel()
            if let outcome = tasks[index].wokenEarly {
                try Self.require(!cancels, "a task was woken twice")
                tasks[index].wokenEarly = nil
                tasks[index].phase = .woke(outcome)
            } else if cancels {
                tasks[index].phase = .woke(.cancelled)
            } else {
                suspend(index)
            }
        case .woke(let outcome):
            tasks[index].hasHandler = false
            tasks[index].hasTimer = false
            switch outcome {
            case .ready: tasks[index].phase = .calls
            case .cancelled: tasks[index].phase = .ends(leaving: .unknown, .cancelled)
            case .closed: tasks[index].phase = .ends(leaving: .unknown, .closed)
            case .timedOut: tasks[index].phase = .ends(leaving: .unknown, .timedOut)
            }
        case .ends(let remainder, let result):
            switch state.end(.read, leaving: remainder) {
            case .nothing: finish(index, result)
            case .handOn: tasks[index].phase = .handsOn(result)
            case .closeDescriptor: tasks[index].phase = .closesDescriptor(result)
            }
        case .handsOn(let result): try handOn(index, result)
        case .closesDescriptor(let result):
            try descriptorGoes()
            finish(index, result)
        case .isInLine, .isSuspended, .done: break
        }
    }

    private mutating func suspend(_ index: Int) {
        tasks[index].phase = .isSuspended
        tasks[index].setsTimerLate = tasks[index].plan.deadline == .afterwards
    }

    private mutating func takeTurn(_ index: Int) {
        if tasks[index].plan.isOwner, state[.read].beginWaitAsOwner() {
            tasks[index].phase = .looks
            return
        }
        switch state[.read].begin() {
        case .suspend, .endWait: break
        case .call: tasks[index].phase = .calls
        case .wait: waitNext(index)
        case .closed: finish(index, .closed)
        case .contended:
            if tasks[index].plan.policy == .exclusive {
                finish(index, .busy)
            } else {
                tasks[index].phase = .standsInLine
            }
        }
    }

    private mutating func waitNext(_ index: Int) {
        guard state[.read].has(ReadinessSlot.armed) else { return tasks[index].phase = .arms }
        tasks[index].phase = tasks[index].plan.isOwner ? .waits : .installsHandler
    }

    /// Under the line's lock.
    private mutating func standInLine(_ index: Int) {
        if tasks[index].isCancelled { return finish(index, .cancelled) }
        if tasks[index].hasExpired { return finish(index, .timedOut) }
        switch state[.read].queue() {
        case .call, .wait, .suspend, .endWait: tasks[index].phase = .leftLine(.ready)
        case .closed: finish(index, .closed)
        case .contended:
            line.append(index)
            tasks[index].phase = .isInLine
        }
    }

    /// The system call.
    private mutating func call(_ index: Int) throws {
        try Self.require(gone == 0, "a system call on a descriptor that is gone")
        let others = tasks.indices.contains { other in
            other != index && tasks[other].phase == .calls
        }
        try Self.require(!others, "two tasks hold one turn")
        if stock > 0 {
            stock -= 1
            tasks[index].phase = .ends(leaving: stock > 0 ? .stock : .nothing, .value)
            return
        }
        if items == 0 { return waitNext(index) }
        if tasks[index].plan.stocks {
            stock = items - 1
            items = 0
            tasks[index].phase = .ends(leaving: stock > 0 ? .stock : .nothing, .value)
        } else {
            items -= tasks[index].plan.takesOne ? 1 : items
            let remainder: Remainder = tasks[index].plan.takesOne ? .unknown : .nothing
            tasks[index].phase = .ends(leaving: remainder, .value)
        }
    }

    /// Under the line's lock.
    private mutating func handOn(_ index: Int, _ result: Result) throws {
        guard !line.isEmpty else {
            state[.read].queueEmptied()
            switch state.end(.read, leaving: .unknown) {
            case .closeDescriptor: tasks[index].phase = .closesDescriptor(result)
            case .nothing: finish(index, result)
            case .handOn: throw Violation(text: "an empty line was handed the turn")
            }
            return
        }
        let next = line.removeFirst()
        if line.isEmpty { state[.read].queueEmptied() }
        state[.read].takeOver()
        try resumeFromLine(next, .ready)
        finish(index, result)
    }

    private mutating func finish(_ index: Int, _ result: Result) {
        tellsTruth = tellsTruth && isTrue(result, for: tasks[index])
        tasks[index].plan.operations -= 1
        let goesOn = result == .value && tasks[index].plan.operations > 0
        tasks[index].phase = goesOn ? .begins : .done(result)
    }

    /// Whether a task may be told what it is told.
    private func isTrue(_ result: Result, for task: Task) -> Bool {
        switch result {
        case .value: true
        case .cancelled: task.isCancelled || state[.read].has(ReadinessSlot.draining)
        case .closed: state.isClosed
        case .busy: task.plan.policy == .exclusive && tasks.count > 1
        case .timedOut: task.hasExpired
        }
    }
}

// MARK: - Where nothing has to happen any more

extension SocketWorld {
    /// Checks a world in which nobody has to make a step.
    func checkQuiet() throws {
        try Self.require(tellsTruth, "a task was told of an end that was not its own")
        for task in tasks {
            switch task.phase {
            case .done: continue
            case .isSuspended, .isInLine:
                try Self.require(items == 0, "something has arrived and a task still waits")
                try Self.require(stock == 0, "something was taken and a task still waits")
                try Self.require(!state.isClosed, "a task waits for a closed socket")
                try Self.require(!task.isCancelled, "a cancelled task waits")
                try Self.require(!task.hasExpired, "a task waits after its deadline")
            default: throw Violation(text: "a task stopped in \(task.phase)")
            }
        }
        let inLine = tasks.contains { $0.phase == .isInLine }
        let holds = tasks.contains { $0.phase == .isSuspended }
        try Self.require(!inLine || holds, "tasks stand in line for a turn that is free")
        if closers.contains(.done) {
            try Self.require(gone == 1, "the socket was closed and its descriptor was not")
        }
        try Self.require(
            state[.read].has(ReadinessSlot.held) == holds,
            "the turn is held by nobody, or free and held"
        )
    }
}
