/// A value that belongs to one loop and is carried, not touched, across threads.
///
/// `@unchecked Sendable` holds because the value is reached only through `value`, which traps off the loop's thread.
package struct LoopBound<Value>: @unchecked Sendable {
    private let stored: Value
    package let loop: EventLoop

    package init(_ value: Value, to loop: EventLoop) {
        stored = value
        self.loop = loop
    }

    /// The value; on the loop's thread only.
    package var value: Value {
        loop.preconditionInLoop()
        return stored
    }
}
