import EventLoop

/// What a loop does when the memory for clients is used up.
extension LoopServer {
    /// Frees memory when the budget is used up. Not while an answer is being put together in `out`.
    func relieveMemory() {
        let budget = memory.budget
        guard budget.isExceeded else { return }
        if memory.held > budget.share {
            shedLargest()
        } else {
            budget.askMembers()
        }
    }

    /// Looks because another loop has asked, or time has passed.
    func lookAtMemory() {
        memory.budget.memberHasLooked()
        if memory.budget.isExceeded, memory.held > memory.budget.share { shedLargest() }
    }

    /// Refuses those who hold most, see `ShedOrder`, until this loop is within its share or the budget is calm. One who asks
    /// for health holds next to nothing. What cancelled work holds is freed when that ends and by nothing else.
    private func shedLargest() {
        let budget = memory.budget
        let allowance = memory.allowance(now: loop.milliseconds)
        guard memory.held - memory.cancelled > allowance else { return }
        let holders = memoryHolders
        let order = ShedOrder.rank(
            holders.map { ShedOrder.Holder(group: $0.clientGroup, bytes: $0.chargedBytes, number: $0.chargeNumber) })
        let target = allowance - budget.share / 16
        for index in order where memory.held - memory.cancelled > target && budget.reserved > budget.calm {
            counts.countShed()
            holders[index].shed()
        }
    }

    /// Gives what a burst has left behind back to the system, once it is over: on a thread of its own, since the allocator
    /// takes its time.
    func releaseFreedMemoryAfterBurst() {
        guard memory.shouldRelease(now: EventLoop.nanoseconds()) else { return }
        loop.spawn { [loop] in await loop.offload { releaseFreedMemory() } }
    }
}
