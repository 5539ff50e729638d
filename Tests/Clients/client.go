// Uses the generated Go client as a program would: every member of a success and of a failure must reach it typed.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	client "example.com/generated"
)

func check(ok bool, what string, found any) {
	if !ok {
		fmt.Fprintf(os.Stderr, "%s: %+v\n", what, found)
		os.Exit(1)
	}
}

func connect(url, token string) *client.APIClient {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: url}}
	if token != "" {
		configuration.AddDefaultHeader("Authorization", "Bearer "+token)
	}
	return client.NewAPIClient(configuration)
}

func failure(err error, answer *http.Response, status int, code client.ErrorCode) client.ErrorBody {
	check(err != nil && answer != nil && answer.StatusCode == status, "status", answer)
	var generic *client.GenericOpenAPIError
	check(errors.As(err, &generic), "error", err)
	model, ok := generic.Model().(client.Failure)
	check(ok, "model", generic.Model())
	found := model.Error
	check(found.Code == code && found.Message != "", "failure", found)
	check(found.RequestId == answer.Header.Get("X-Request-ID"), "request id", found)
	return found
}

func main() {
	url, token := os.Args[1], os.Args[2]
	ctx, api := context.Background(), connect(url, token)
	listed, _, err := api.ServicesAPI.ListServices(ctx).Execute()
	check(err == nil && len(listed.Data.Services) > 0, "services", err)
	var chat client.Service
	for _, service := range listed.Data.Services {
		if service.SystemName == "granite_chat" {
			chat = service
		}
	}
	check(chat.Id != "" && chat.Name != "", "service", chat)
	one, _, err := api.ServicesAPI.GetService(ctx, chat.Id).Execute()
	check(err == nil && len(one.Data.Service.Plans) > 0 && one.Data.Service.Plans[0].Name != "", "one service", err)
	plans, _, err := api.ServicesAPI.ListPlans(ctx, chat.Id).Execute()
	check(err == nil && len(plans.Data.Plans) > 0, "plans", err)
	for _, plan := range plans.Data.Plans {
		for _, limit := range plan.Limits {
			check(limit.Value >= 0 && limit.Period != "", "limit", limit)
		}
	}
	id := chat.Id
	key, _, err := api.ServicesAPI.InitializeKey(ctx).
		InitRequest(*client.NewInitRequest(client.InitRequestServiceId{String: &id})).Execute()
	check(err == nil && key.Data.ApiKey != nil && *key.Data.ApiKey != "" && key.Data.Service.Id == id, "key", err)

	_, answer, err := connect(url, "nonsense").ServicesAPI.ListServices(ctx).Execute()
	failure(err, answer, 401, "INVALID_TOKEN")
	_, answer, err = api.ServicesAPI.GetService(ctx, "999999").Execute()
	failure(err, answer, 404, "SERVICE_NOT_FOUND")
	blank := " "
	_, answer, err = api.ServicesAPI.InitializeKey(ctx).
		InitRequest(*client.NewInitRequest(client.InitRequestServiceId{String: &blank})).Execute()
	missing := failure(err, answer, 400, "MISSING_SERVICE_ID")
	check(len(missing.Details) > 0 && missing.Details[0].Issue != "", "details", missing)

	open := connect(url, "")
	health, _, err := open.HealthAPI.GetHealth(ctx).Execute()
	check(err == nil && health.Data.Status == "healthy", "health", err)
	ready, _, err := open.HealthAPI.GetReadiness(ctx).Execute()
	check(err == nil && len(ready.Data.Checks) > 0 && ready.Data.Checks[0].Name != "", "readiness", err)
	resource, _, err := open.DocumentationAPI.GetProtectedResource(ctx).Execute()
	check(err == nil && len(resource.AuthorizationServers) > 0, "protected resource", err)
	fmt.Println("a generated Go client reads every success and every failure")
}
