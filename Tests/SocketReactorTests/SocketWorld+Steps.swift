@testable import SocketReactor

extension SocketWorld {
    /// A step that some thread could make now.
    struct Step {
        /// Made when it is wanted: there are millions of steps.
        let name: () -> String
        /// The world after it.
        let world: SocketWorld
        /// Nobody has to make it, ever: what waits only for such steps is quiet.
        let isOptional: Bool
    }

    /// Every step that some thread could make now.
    func steps() throws -> [Step] {
        var all: [Step] = []
        func add(
            _ name: @escaping @autoclosure () -> String,
            isOptional: Bool = false,
            _ step: (inout SocketWorld) throws -> Void
        ) rethrows {
            var world = self
            try step(&world)
            all.append(Step(name: name, world: world, isOptional: isOptional))
        }
        for index in tasks.indices {
            let phase = tasks[index].phase
            if canStep(index) {
                try add("task \(index) \(phase)") { try $0.step(index) }
            }
            if tasks[index].interruptions > 0 {
                try add("interruption of \(index)") { try $0.interrupt(index) }
            }
            if tasks[index].plan.isCancellable, !tasks[index].isCancelled {
                add("cancel \(index)", isOptional: true) { $0.cancel(index) }
            }
            if tasks[index].plan.hasDeadline, !tasks[index].hasExpired {
                add("deadline \(index)", isOptional: true) { $0.expire(index) }
            }
        }
        if arrivals > 0 { add("arrival", isOptional: true) { $0.arrive() } }
        // A level-triggered poller repeats what is so; an edge is told once.
        let reports = levelTriggered ? items > 0 || hasEdge : hasEdge
        if reports, isWatched { try add("event") { try $0.deliver() } }
        for index in closers.indices where closers[index] != .done {
            let closer = closers[index]
            try add("close \(index) \(closer)", isOptional: closer == .idle) {
                try $0.stepCloser(index)
            }
        }
        if drains > 0 {
            try add("drain", isOptional: true) { world in
                world.drains -= 1
                try world.carryOut(world.state.drain(.read), resuming: [])
            }
        }
        if detaches > 0 {
            try add("detach", isOptional: true) { world in
                world.detaches -= 1
                if world.state.detach() == .call { try world.descriptorGoes() }
            }
        }
        if uses > 0 {
            add("use", isOptional: true) { world in
                world.uses -= 1
                if world.state.beginUse() == .call { world.usesInside += 1 }
            }
        }
        if usesInside > 0 {
            try add("end of use") { world in
                world.usesInside -= 1
                try world.carryOut(world.state.endUse(), resuming: [])
            }
        }
        return all
    }

    private mutating func arrive() {
        arrivals -= 1
        items += 1
        hasEdge = true
    }

    private mutating func deliver() throws {
        hasEdge = false
        let actions = state.kernelReady(.read, repeats: levelTriggered)
        try carryOut(actions, resuming: .call)
    }

    /// The task is cancelled; then its handlers run, if it has any now.
    private mutating func cancel(_ index: Int) {
        tasks[index].isCancelled = true
        if tasks[index].plan.isOwner || isReachable(index) { tasks[index].interruptions += 1 }
    }

    /// The moment comes; then the timer fires, if one is set now.
    private mutating func expire(_ index: Int) {
        tasks[index].hasExpired = true
        if isReachable(index) { tasks[index].interruptions += 1 }
    }

    private func isReachable(_ index: Int) -> Bool {
        tasks[index].isGuarded || tasks[index].phase == .isInLine
    }

    /// What a cancellation handler or a timer does.
    private mutating func interrupt(_ index: Int) throws {
        tasks[index].interruptions -= 1
        if let place = line.firstIndex(of: index) {
            line.remove(at: place)
            if line.isEmpty { state[.read].lineIsEmpty() }
            tasks[index].phase = .wasLetGo(tasks[index].isCancelled ? .cancelled : .timedOut)
        } else if tasks[index].plan.isOwner {
            try carryOut(state.drain(.read), resuming: [])
        } else if tasks[index].isGuarded {
            try carryOut(state.interrupt(.read), resuming: [])
        }
    }

    private mutating func stepCloser(_ index: Int) throws {
        switch closers[index] {
        case .idle:
            let actions = state.close()
            if actions == .refuse { return closers[index] = .done }
            closers[index] = .marked
            // The loop forgets it before the waiters are resumed; here the other way round is
            // possible, too, and must be as good.
            try carryOut(actions, resuming: [])
        case .marked:
            isWatched = false
            closers[index] = .forgotten
        case .forgotten:
            try unparkLine()
            closers[index] = .emptiedLine
        case .emptiedLine:
            try carryOut(state.endUse(), resuming: [])
            closers[index] = .done
        case .done: break
        }
    }

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
                try Self.require(
                    task.phase == .isInLine || !state[.read].has(Slot.draining),
                    "a task waits for a socket that drains"
                )
            default: throw Violation(text: "a task stopped in \(task.phase)")
            }
        }
        let inLine = tasks.contains { $0.phase == .isInLine }
        let holds = tasks.contains { $0.phase == .isSuspended }
        try Self.require(!inLine || holds, "tasks stand in line for a lock that is free")
        try Self.require(
            state[.read].has(Slot.queued) == inLine,
            "the slot does not know whether tasks stand in line"
        )
        if closers.contains(.done) {
            try Self.require(gone == 1, "the socket was closed and its descriptor was not")
        }
        try Self.require(
            state[.read].has(Slot.locked) == holds,
            "the lock is held by nobody, or free and held"
        )
    }
}
