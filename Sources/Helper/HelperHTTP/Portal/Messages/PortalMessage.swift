/// Every text of the portal. The text itself stands in the table of each language, which the compiler keeps complete.
///
/// A text may hold placeholders, as in `{plan}`. One with `|` has a form for one and a form for any other `{count}`.
enum PortalMessage: String, Sendable, CaseIterable {
    // MARK: Around every page

    case skipToContent
    case navigation
    case services
    case apiKeys
    case myAccount
    case signIn
    case signInAsOther
    case signOut
    case language
    case apiDocumentation
    case requestID
    case stale
    case colon

    // MARK: After a form

    case noticeCreated
    case noticePending
    case noticeExisting
    case noticeRotated
    case noticePaused
    case noticeResumed
    case noticeRevoked
    case noticePlanChanged
    case noticeChanged
    case noticeNotSent

    // MARK: Signed out

    case homeTitle
    case homeLead
    case homeWhatTitle
    case homeWhatText
    case homeHowTitle
    case homeHowText
    case homeWrongTitle
    case homeWrongText
    case homeSignInHint
    case reasonSessionEnded
    case reasonSignInFailed
    case reasonSignInCancelled

    // MARK: Services

    case servicesLead
    case searchServices
    case search
    case showAll
    case serviceCount
    case matchCount
    case servicesEmpty
    case servicesNoMatch
    case servicesFailed
    case keysUnknown
    case noKey
    case keyCount
    case planNamed

    // MARK: States of a key

    case stateLive
    case statePending
    case statePaused
    case stateSuspended
    case stateRetiring
    case stateExpired
    case explainLive
    case explainPending
    case explainPaused
    case explainSuspended
    case explainRetiring
    case explainExpired

    // MARK: One service

    case endpoint
    case endpointMissing
    case copy
    case copied
    case copyNamed
    case authentication
    case placedInHeader
    case placedInQuery
    case placedInBasic
    case placedPairInHeader
    case placedPairInQuery
    case placedPairInBasic
    case placedAsToken
    case plansAndLimits
    case plan
    case plansEmpty
    case defaultPlan
    case approval
    case approvalNeeded
    case approvalNotNeeded
    case limits
    case limitsUnknown
    case unlimited
    case metricHits
    case perMinute
    case perHour
    case perDay
    case perWeek
    case perMonth
    case perYear
    case inTotal
    case getKey
    case getKeyOnPlan
    case choose
    case limitReached
    case keyUnavailable
    case keyOfferUnknown
    case yourKeys
    case yourKeysNone
    case callIt
    case snippetsHidden
    case snippetsShown
    case snippetsNoKey
    case snippetsModel
    case snippetsToken
    case shownOnce
    case reveal
    case hide

    // MARK: Keys

    case keysEmpty
    case keysFailed
    case name
    case service
    case state
    case ends
    case lastUsed
    case never
    case created
    case note
    case generation
    case replaces
    case olderKey
    case fingerprint
    case apiKey
    case appID
    case appKey
    case clientID
    case clientSecret
    case secretShown
    case relativeIn
    case usage
    case usageEmpty
    case usageFailed
    case usageCaption
    case usageMost
    case usageTable
    case periodStart
    case granularity
    case actions
    case rotate
    case rotateText
    case pause
    case pauseText
    case resume
    case resumeText
    case changePlan
    case changePlanText
    case edit
    case editText
    case test
    case testText
    case revoke
    case revokeText

    // MARK: The test of a key

    case testResult
    case verdictWorks
    case verdictStillWorks
    case verdictRefused
    case verdictNotYet
    case verdictOverLimit
    case verdictNoRoute
    case verdictModelError
    case verdictUnreachable
    case verdictUntrusted
    case adviceRefused
    case adviceStillWorks
    case adviceNotYet
    case adviceOverLimit
    case adviceNoRoute
    case adviceModel
    case adviceUnreachable
    case adviceUntrusted
    case httpStatus
    case latency
    case milliseconds
    case modelIDs

    // MARK: Pages that confirm

    case cancel
    case whatWillHappen
    case confirmGetKey
    case getKeyMakes
    case getKeyApproval
    case getKeyEnds
    case nameHint
    case nameError
    case noteOptional
    case confirmRotate
    case rotateMakes
    case rotateGrace
    case rotateNoGrace
    case confirmPause
    case stops
    case pauseBack
    case confirmResume
    case resumeWorks
    case confirmRevoke
    case revokeOlder
    case revokeFinal
    case revokeButton
    case confirmChangePlan
    case changePlanSame
    case confirmEdit
    case editSame
    case endAsIs
    case save

    // MARK: My account

    case signedInAs
    case email
    case roles
    case rolesNone
    case issuer
    case subject
    case sessionEnds
    case terminal
    case terminalText
    case terminalDevice

    // MARK: The command line

    case commandLine
    case commandLineGet
    case commandLineLead
    case commandLineInstall
    case commandLineDownload
    case commandLineAsk
    case commandLinePackage
    case commandLineTarball
    case commandLineFirst
    case commandLineServices
    case commandLineRun
    case commandLineTest
    case commandLineHelp

    // MARK: Failures

    case whatHappened
    case whoseFault
    case whatToDo
    case failureDetails
    case retryIn
    case toServices
    case faultRequest
    case faultRights
    case faultSetup
    case faultThreeScale
    case faultKeycloak
    case faultKeycloakSetup
    case faultHelper
    case faultLoad
    case failNotFoundTitle
    case failNotFound
    case doNotFound
    case failServiceTitle
    case failService
    case failKeyTitle
    case failKey
    case doKey
    case failPlanTitle
    case failPlan
    case doPlan
    case failNoPlansTitle
    case failForbiddenTitle
    case failForbidden
    case doAskOperators
    case failBlockedTitle
    case failBlocked
    case failConflictTitle
    case failConflict
    case failLimitTitle
    case failLimit
    case doLimit
    case failNotYetTitle
    case failNotYet
    case failIdentityTitle
    case failIdentity
    case failFormTitle
    case failFormOfOtherTitle
    case failForm
    case failFormOfOther
    case doForm
    case failSessionTitle
    case failSession
    case doSession
    case failRateTitle
    case failRate
    case doWait
    case failOverloadTitle
    case failOverload
    case failUnavailableTitle
    case failUnavailable
    case doUnavailable
    case failUpstreamTitle
    case failUpstream
    case failKeycloakTitle
    case failKeycloak
    case failSignInTitle
    case failSignIn
    case failNameTitle
    case failName
    case failInternalTitle
    case failInternal

    // MARK: Durations

    case seconds
    case minutes
    case hours
    case days
    case daysAfterPreposition
}
