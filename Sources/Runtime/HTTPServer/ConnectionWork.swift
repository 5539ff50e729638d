extension HTTPConnection {
    typealias Begin = @Sendable () async -> Response

    /// What becomes of a request whose answer has to be waited for, with what it holds of the loop's admission.
    enum Work: ~Copyable {
        case none
        /// Waits for a slot.
        case queued(Request, Begin, QueuePlace)
        /// Runs for the first time, below us on the stack.
        case starting(AdmissionSlot)
        /// Has ended without having waited.
        case done(Response)
        case running(Task<Void, Never>, AdmissionSlot)
        /// Is cancelled and has not ended. Until then it holds its slot, the request, and through us what we hold.
        case ending(AdmissionSlot, MemoryCharge)

        var isQueued: Bool {
            switch self {
            case .queued: true
            default: false
            }
        }

        var isEnding: Bool {
            switch self {
            case .ending: true
            default: false
            }
        }
    }
}
