package import HelperHTTP

/// The routing table: every route of the API on one screen.
///
/// A new route touches its use-case, the handler in HelperHTTP/Routes and this table, which belongs to the composition
/// root. The OpenAPI document must list the same routes; a test compares both.
package struct Routes {
    private let health: HealthRoutes
    private let services: ServiceRoutes
    private let keys: KeyRoutes
    private let documentation: DocumentationRoutes
    private let resource: ResourceRoutes
    private let client: ClientRoutes
    /// Nil when metrics have a port of their own.
    private let metrics: MetricsRoute?
    /// Nil where the portal is off.
    private let portal: PortalTable?

    package init(
        health: HealthRoutes, services: ServiceRoutes, keys: KeyRoutes, documentation: DocumentationRoutes,
        resource: ResourceRoutes, client: ClientRoutes, metrics: MetricsRoute?, portal: PortalTable? = nil
    ) {
        self.health = health
        self.services = services
        self.keys = keys
        self.documentation = documentation
        self.resource = resource
        self.client = client
        self.metrics = metrics
        self.portal = portal
    }

    package var table: [Route] {
        [
            .get("/api/health", limit: .none, health.live),
            .get("/api/health/ready", limit: .none, health.ready),
            .get("/api/services", cached: services.cachedList, otherwise: services.list),
            .get("/api/services/{id}", cached: services.cachedDetail, otherwise: services.detail),
            .get("/api/services/{id}/plans", services.plans),
            .post("/api/services/init", services.initialise),
            .get("/api/keys", keys.list),
            .post("/api/keys", keys.create),
            .get("/api/keys/{id}", keys.detail),
            .patch("/api/keys/{id}", keys.patch),
            .delete("/api/keys/{id}", keys.revoke),
            .put("/api/keys/{id}/plan", keys.changePlan),
            .post("/api/keys/{id}/reveal", limit: .reveal, keys.reveal),
            .post("/api/keys/{id}/rotate", keys.rotate),
            .get("/api/keys/{id}/usage", keys.usage),
            .post("/api/keys/{id}/test", limit: .test, keys.test),
            .post("/api/keys/{id}/pause", keys.pause),
            .post("/api/keys/{id}/resume", keys.resume),
            .get("/api/client", client.document),
            .get("/api/openapi.json", documentation.document),
            .get("/docs", documentation.page),
            .get("/docs/{asset}", documentation.asset),
        ]
            + resource.paths.map { .get($0, resource.document) }
            + (portal?.routes ?? [])
            + (metrics.map { [.get("/metrics", limit: .none, waiting: $0.scrape)] } ?? [])
    }
}
