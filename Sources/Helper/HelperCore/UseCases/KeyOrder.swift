/// Which key a provisioning call is for, and what a new application of it is to be.
package struct KeyOrder: Sendable, Hashable {
    package var name = KeyName.standard
    /// The generation that a rotation makes; nil for the current one, whichever that is.
    package var generation: Int?
    /// The plan of the key that a rotation replaces, offered or not.
    package var plan: PlanReference?
    /// The application that a rotation replaces: it must be live when its successor is made.
    package var replaces: Int?
    /// When a new key ends, in seconds since 1970.
    package var expiresAt: Int?
    /// How long the generation before works on.
    package var graceSeconds: Int?
    package var note: String?
    /// How many keys of different names the owner may have on the service; nil for no limit.
    package var keysMax: Int?

    package init() {}

    var isRotation: Bool { generation != nil }
}
