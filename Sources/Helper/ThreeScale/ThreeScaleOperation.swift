package import HelperCore

/// Every call that the helper makes to 3scale.
package enum ThreeScaleOperation: String, UpstreamOperation {
    case probe
    case listServices = "list_services"
    case listProxyConfigs = "list_proxy_configs"
    case getProxy = "get_proxy"
    case listPlans = "list_plans"
    case listLimits = "list_limits"
    case listMetrics = "list_metrics"
    case getPlan = "get_plan"
    case findAccount = "find_account"
    case getAccount = "get_account"
    case listUsers = "list_users"
    case activateUser = "activate_user"
    case approveAccount = "approve_account"
    case signup
    case listApplications = "list_applications"
    case createApplication = "create_application"
    case describeApplication = "describe_application"
    case confirmUser = "confirm_user"
    case listAllApplications = "list_all_applications"
    case renameUser = "rename_user"
    case suspendApplication = "suspend_application"
    case resumeApplication = "resume_application"
    case changePlan = "change_plan"
    case renameAccount = "rename_account"
    case deleteApplication = "delete_application"
    case deleteAccount = "delete_account"
    case listKeys = "list_keys"
    case createKey = "create_key"
    case getUsage = "get_usage"

    package static let system = UpstreamSystem.threeScale
}
