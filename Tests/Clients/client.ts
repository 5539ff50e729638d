// Uses the generated TypeScript client as a program would: every member of a success and of a failure must reach it typed.
import {
    Configuration, DocumentationApi, Failure, FailureFromJSON, HealthApi, ResponseError, ServicesApi,
} from "./generated";

declare const process: { argv: string[]; exit(status: number): never };

function check(ok: boolean, what: string, found: unknown): void {
    if (!ok) {
        throw new Error(`${what}: ${JSON.stringify(found)}`);
    }
}

async function failure(call: Promise<unknown>, status: number, code: string): Promise<Failure> {
    try {
        await call;
    } catch (error) {
        if (!(error instanceof ResponseError)) {
            throw error;
        }
        check(error.response.status === status, "status", error.response.status);
        const found = FailureFromJSON(await error.response.json());
        check(found.error.code === code && found.error.message !== "", "failure", found);
        check(found.error.requestId === error.response.headers.get("X-Request-ID"), "request id", found);
        return found;
    }
    throw new Error(`${code} was not answered`);
}

async function main(basePath: string, token: string): Promise<void> {
    const services = new ServicesApi(new Configuration({ basePath, accessToken: token }));
    const listed = await services.listServices();
    const chat = listed.data.services.find((service) => service.systemName === "granite_chat");
    if (!chat) {
        throw new Error("granite_chat is not listed");
    }
    check(chat.name !== "", "service", chat);
    const one = await services.getService({ id: chat.id });
    check(one.data.service.plans[0].name !== "", "one service", one);
    const plans = await services.listPlans({ id: chat.id });
    check(plans.data.plans.length > 0, "plans", plans);
    for (const plan of plans.data.plans) {
        for (const limit of plan.limits) {
            check(limit.value >= 0 && limit.period.length > 0, "limit", limit);
        }
    }
    const key = await services.initializeKey({ initRequest: { serviceId: chat.id } });
    check(!!key.data.apiKey && key.data.service.id === chat.id, "key", key.message);

    const stranger = new ServicesApi(new Configuration({ basePath, accessToken: "nonsense" }));
    await failure(stranger.listServices(), 401, "INVALID_TOKEN");
    await failure(services.getService({ id: "999999" }), 404, "SERVICE_NOT_FOUND");
    const missing = await failure(
        services.initializeKey({ initRequest: { serviceId: " " } }), 400, "MISSING_SERVICE_ID");
    check(missing.error.details?.[0].field === "service_id", "details", missing);

    const open = new Configuration({ basePath });
    const health = await new HealthApi(open).getHealth();
    check(health.data.status === "healthy", "health", health);
    const ready = await new HealthApi(open).getReadiness();
    check(ready.data.checks[0].name.length > 0, "readiness", ready);
    const resource = await new DocumentationApi(open).getProtectedResource();
    check(resource.authorizationServers.length > 0, "protected resource", resource);
    console.log("a generated TypeScript client reads every success and every failure");
}

main(process.argv[2], process.argv[3]).catch((error) => {
    console.error(error);
    process.exit(1);
});
