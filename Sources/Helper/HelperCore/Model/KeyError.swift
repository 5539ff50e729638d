/// Why a call about one of the caller's API keys was refused. The HTTP face finds the words.
package enum KeyError: Error, Sendable, Hashable {
    /// Also for another person's key.
    case notFound
}
