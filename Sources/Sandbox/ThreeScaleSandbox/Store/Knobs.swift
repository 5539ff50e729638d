/// What differs between tenants, with 3scale's defaults.
package struct Knobs: Sendable {
    /// Uniqueness of user keys and application ids is per service when on, per tenant when off.
    package var duplicateUserKey = true
    package var duplicateApplicationID = true
    /// A published service plan lets signup make an application even when it is no default.
    package var publishedServicePlanSignup = true
    /// Characters a signup password must have: none in 3scale 2.16, 15 in later versions.
    package var passwordMinimum = 0
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

    /// Creates commit up to that many milliseconds after their ids were given, chosen by the seed.
    package var commitMilliseconds = 3
    /// A signup takes that long for each application it makes.
    package var signupMillisecondsPerApplication = 0
    /// A signup with a password validates again at its commit, even in a race that was asked for.
    package var passwordClosesRace = false
    /// Two of one `application_id`, `user_key` or username refuse every later write.
    package var validatesLaterWrites = true
    /// `accounts/find` chooses by the seed among accounts with a user of one name; else it answers the lowest id.
    package var findVaries = true
    /// `accounts/find` finds names that differ in case, as some databases do.
    package var findIgnoresCase = false
    /// A deleted service's applications and plans stay for that many milliseconds.
    package var deletionMilliseconds = 0
    /// Listener processes of the gateway's backend.
    package var gatewayProcesses = 2
    /// How long each of them trusts what it has read, by the sandbox's clock.
    package var gatewayRemembersSeconds = 60
    /// The gateway's backend knows a deleted application for that many milliseconds more: a job deletes it there.
    package var backendDeletionMilliseconds = 200
    /// The gateway lets a call through that it let through before, and asks its backend afterwards.
    package var gatewayCaches = true
    /// An application shows that it was used that many seconds after its first use.
    package var trafficSeenSeconds = 60
    /// Without it no answer carries the description of an application: the tenant has not defined the field.
    package var hasApplicationDescription = true
    /// Applications show null for `user_key` and `client_secret`.
    package var hidesCredentials = false

    package init() {}
}
