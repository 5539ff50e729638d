/// What switching a single API key off and on needs of the system that manages the APIs. A write is sent at most once, as in
/// `APIManager`.
package protocol KeyManager: APIManager {
    /// Stops an application that is live.
    /// - Throws: `rejected` with the field `state` for one in another state.
    func suspend(application: Int, account: Int) async throws(APIManagerError) -> Application

    /// Lets a suspended application work again.
    /// - Throws: `rejected` with the field `state` for one in another state.
    func resume(application: Int, account: Int) async throws(APIManagerError) -> Application

    /// Gives an application another plan of its service, whatever the plan asks for.
    func change(plan: Int, application: Int, account: Int) async throws(APIManagerError)
}
