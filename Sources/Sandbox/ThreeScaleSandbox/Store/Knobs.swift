/// What differs between tenants, with 3scale's defaults.
package struct Knobs: Sendable {
    /// Uniqueness of user keys and application ids is per service when on, per tenant when off.
    package var duplicateUserKey = true
    package var duplicateApplicationID = true
    /// A published service plan lets signup make an application even when it is no default.
    package var publishedServicePlanSignup = true
    /// Characters a signup password must have.
    package var passwordMinimum = 15
    /// Seconds east of UTC of the tenant's time zone.
    package var timeZoneOffset = 0
    /// The account plan asks for approval.
    package var accountsNeedApproval = false
    /// The tenant is suspended: every answer is an empty 403.
    package var isSuspended = false
    /// Uniqueness checks do not see rows that are younger than this many milliseconds: two creates at once both pass.
    package var uniquenessRaceMilliseconds = 0

    /// The tenant's switch `multiple_users`: without it users cannot be listed.
    package var hasMultipleUsers = true
    /// The tenant's switch `web_hooks`: without it failed deliveries cannot be seen.
    package var hasWebhooks = true
    /// Pages hold at most that many elements, whatever was asked for; 0 leaves them whole.
    package var shortPage = 0
    /// Every conditional GET is answered 304, also when something has changed.
    package var hasFalseNotModified = false

    package init() {}
}
