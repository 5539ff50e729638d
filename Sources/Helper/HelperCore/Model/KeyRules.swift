/// What the operator allows of API keys. Times are seconds.
package struct KeyRules: Sendable, Equatable {
    /// Keys of different names that an owner may have on one service.
    package var perService = 5
    /// The life of a key that is made without an end of its own; nil for no end.
    package var lifetimeDefault: Int?
    /// The longest life of a key, counted from the application's `created_at`; nil for no limit.
    package var lifetimeMax: Int?
    /// How long a replaced key works on, where the rotation does not say.
    package var grace = 86_400
    /// The longest time that a replaced key may work on.
    package var graceMax = 7 * 86_400
    /// How long 3scale's gateways may let a stopped key pass.
    package var gatewayDelay = 60
    /// What the secrets begin with that the helper chooses.
    package var prefix = KeySecret.Prefix.standard
    /// Only the call that makes a key answers its secret.
    package var showsOnce = false

    package init() {}

    /// The end of a key that is made now.
    /// - Parameters:
    ///   - seconds: what its owner asked for; nil for what the operator set.
    ///   - now: seconds since 1970.
    func end(after seconds: Int?, now: Int) -> Int? {
        guard let seconds = [seconds ?? lifetimeDefault, lifetimeMax].compactMap(\.self).min() else { return nil }
        return min(now, ApplicationMark.times.upperBound - seconds) + seconds
    }

    /// The end of a key of the name `default` that `init` makes: only where no key may live for ever.
    func endOfInit(now: Int) -> Int? { lifetimeMax == nil ? nil : end(after: nil, now: now) }

    /// When an application ends, whatever its description says: that only shortens what is allowed from `created_at`.
    func expiry(of application: Application) -> Int? {
        [application.mark?.expiresAt, lifetimeEnd(of: application)].compactMap(\.self).min()
    }

    /// The latest time at which an application ends; nil where there is no limit.
    func lifetimeEnd(of application: Application) -> Int? {
        lifetimeMax.flatMap { lifetime in application.createdAt.map { $0 + lifetime } }
    }

    /// Refuses a life that is longer than the operator allows.
    func check(lifetime seconds: Int?, left: Int?) throws(KeyError) {
        guard let seconds, let left, seconds > left else { return }
        throw .endsTooLate(secondsLeft: left)
    }
}

/// What an API key is to its owner.
package enum KeyState: String, Sendable, CaseIterable {
    case live
    /// Its plan needs an approval that the operator has not given.
    case pending
    /// The owner switched it off, and can switch it on again.
    case paused
    /// The operator switched it off.
    case suspended
    /// A newer generation is live; this one works until its `retires_at`.
    case retiring
    /// Its `expires_at` or `retires_at` has passed.
    case expired
}
