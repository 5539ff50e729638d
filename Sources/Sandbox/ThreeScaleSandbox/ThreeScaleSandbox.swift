import EventLoop
import HTTP
package import HTTPServer
package import SandboxSupport
import Synchronization

/// An imitated 3scale tenant: the Account Management API, the analytics and webhook calls that clients make, in memory.
package final class ThreeScaleSandbox: Responder {
    private let tenant: Mutex<Tenant>
    private let clock: SandboxClock

    package init(_ tenant: Tenant, clock: SandboxClock = SandboxClock()) {
        self.tenant = Mutex(tenant)
        self.clock = clock
    }

    /// The tenant as it is now.
    package var snapshot: Tenant { tenant.withLock { $0 } }

    /// Changes the tenant behind the API's back.
    package func change(_ body: (inout Tenant) -> Void) { tenant.withLock { body(&$0) } }

    package func respond(to request: Request) -> Answer {
        if GatewayCall.isGateway(request) { return .now(respond(toGateway: request)) }
        let (response, uncommitted) = tenant.withLock { tenant in
            // Moved in and out, so that a write changes the tables in place.
            var call = Call(request: request, now: clock.now, tenant: tenant.take())
            defer { tenant = call.tenant }
            return (call.respond(), call.uncommitted)
        }
        guard let uncommitted else { return .now(response) }
        return .later { [self] in
            try? await EventLoop.current?.sleep(for: .milliseconds(uncommitted.milliseconds))
            return commit(uncommitted, response)
        }
    }

    private func respond(toGateway request: Request) -> Response {
        tenant.withLock { tenant in
            var call = GatewayCall(
                request: request, now: clock.now, milliseconds: Int(EventLoop.nanoseconds() / 1_000_000),
                tenant: tenant.take())
            defer { tenant = call.tenant }
            return call.respond()
        }
    }

    /// Answers a model's client.
    /// - Parameter clientOfToken: the client that a bearer token was issued to, nil where it is not accepted.
    func respond(toClient request: Request, clientOfToken: @escaping @Sendable (String) -> String?) -> Response {
        tenant.withLock { tenant in
            var call = ModelCall(
                request: request, now: clock.now, milliseconds: Int(EventLoop.nanoseconds() / 1_000_000),
                tenant: tenant.take(), clientOfToken: clientOfToken)
            defer { tenant = call.tenant }
            return call.respond()
        }
    }

    /// The answer of a create, once its transaction has ended.
    private func commit(_ rows: Uncommitted, _ response: Response) -> Response {
        tenant.withLock { tenant in
            do throws(Refusal) {
                try tenant.commit(rows)
                return response
            } catch {
                let isXML = response.fields["content-type"]?.hasPrefix("application/xml") == true
                return Reply(format: isXML ? .xml : .json).refusal(error)
            }
        }
    }
}
