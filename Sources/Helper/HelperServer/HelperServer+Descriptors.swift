import EventLoop
import HTTPServer
import Telemetry

/// Connections of clients must leave descriptors for everything else: without one, no client is accepted and no upstream is
/// reached.
extension HelperServer {
    /// What the helper needs besides clients: connections to 3scale, Keycloak and Redis, files, metrics.
    private static let ownDescriptors = 256

    /// The bounds of the server, with no more connections than there are descriptors for.
    /// - Parameter descriptors: how many the process may open.
    func limits(descriptors: Int) -> ServerLimits {
        var limits = settings.serverLimits
        let room = max(1, descriptors - min(Self.ownDescriptors, descriptors / 4))
        guard room < limits.connections else { return limits }
        logger.warning(
            "descriptor limit lowers connection limit",
            metadata: [
                "descriptors": .integer(descriptors), "connections": .integer(room),
                "setting": .string("SERVER_MAX_CONNECTIONS"),
            ])
        limits.connections = room
        return limits
    }
}
