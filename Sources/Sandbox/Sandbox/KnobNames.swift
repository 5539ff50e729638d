import JSON
import ThreeScaleSandbox

/// The names under which the admin API sets the knobs of the imitated 3scale.
enum KnobNames {
    struct Knob: Sendable {
        let meaning: String
        /// False where the value is of another type or below zero.
        let set: @Sendable (inout Knobs, JSONValue) -> Bool
    }

    static let all: [String: Knob] = [
        "accounts_need_approval": flag(
            \.accountsNeedApproval, "accounts wait for approval"),
        "application_description": flag(
            \.hasApplicationDescription, "false: answers carry no description of an application"),
        "backend_deletion_milliseconds": number(
            \.backendDeletionMilliseconds, "the gateway's backend knows a deleted application for that long"),
        "commit_milliseconds": number(
            \.commitMilliseconds, "creates commit up to that long after their ids were given"),
        "deletion_milliseconds": number(
            \.deletionMilliseconds, "a deleted service's applications stay for that long"),
        "duplicate_application_id": flag(
            \.duplicateApplicationID, "false: application ids are unique in the tenant, not in a service"),
        "duplicate_user_key": flag(
            \.duplicateUserKey, "false: user keys are unique in the tenant, not in a service"),
        "false_not_modified": flag(
            \.hasFalseNotModified, "every conditional GET is 304"),
        "find_ignores_case": flag(
            \.findIgnoresCase, "accounts/find finds names that differ in case"),
        "find_varies": flag(
            \.findVaries, "accounts/find varies between accounts of one name"),
        "gateway_caches": flag(
            \.gatewayCaches,
            "the gateway lets a call through that it let through before, and asks its backend afterwards"),
        "gateway_processes": number(
            \.gatewayProcesses, "listener processes of the gateway's backend, 1 to 64", 1...64),
        "gateway_remembers_seconds": number(
            \.gatewayRemembersSeconds, "how long each of them trusts what it has read, by the sandbox's clock",
            0...86_400),
        "hide_credentials": flag(
            \.hidesCredentials, "user_key and client_secret are null"),
        "multiple_users": flag(
            \.hasMultipleUsers, "false: users cannot be listed"),
        "password_closes_race": flag(
            \.passwordClosesRace,
            "a signup with a password validates again at its commit, in a race of PUT /race as well"),
        "password_minimum": number(
            \.passwordMinimum, "characters that a password must have"),
        "published_service_plan_signup": flag(
            \.publishedServicePlanSignup, "signup makes applications where a service plan is published"),
        "short_page": number(
            \.shortPage, "pages hold at most that many elements; 0 leaves them whole"),
        "signup_milliseconds_per_application": number(
            \.signupMillisecondsPerApplication, "how long a signup takes for each application it makes"),
        "suspended": flag(
            \.isSuspended, "the tenant is suspended: every answer is an empty 403"),
        "time_zone_offset": signed(
            \.timeZoneOffset, "seconds east of UTC"),
        "traffic_seen_seconds": number(
            \.trafficSeenSeconds, "an application shows that long after its first use that it was used"),
        "validate_later_writes": flag(
            \.validatesLaterWrites, "false: two of one application_id, user_key or username refuse no later write"),
        "web_hooks": flag(
            \.hasWebhooks, "false: failed deliveries cannot be listed"),
    ]

    static var help: [(name: String, meaning: String)] {
        all.map { (name: $0.key, meaning: $0.value.meaning) }.sorted { $0.name < $1.name }
    }

    private static func flag(_ path: any WritableKeyPath<Knobs, Bool> & Sendable, _ meaning: String) -> Knob {
        Knob(meaning: meaning) { knobs, value in
            guard let flag = value.bool else { return false }
            knobs[keyPath: path] = flag
            return true
        }
    }

    private static func number(_ path: any WritableKeyPath<Knobs, Int> & Sendable, _ meaning: String) -> Knob {
        number(path, meaning, 0...Int(Int32.max))
    }

    private static func signed(_ path: any WritableKeyPath<Knobs, Int> & Sendable, _ meaning: String) -> Knob {
        number(path, meaning, -86_400...86_400)
    }

    private static func number(
        _ path: any WritableKeyPath<Knobs, Int> & Sendable, _ meaning: String, _ range: ClosedRange<Int>
    ) -> Knob {
        Knob(meaning: meaning) { knobs, value in
            guard let number = value.int, range.contains(number) else { return false }
            knobs[keyPath: path] = number
            return true
        }
    }
}
