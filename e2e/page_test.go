//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// pageConfig has an edge whose page asks for a token, a route to nobody, one with several
// upstreams of which one is nobody, and a census.
const pageConfig = `
admin: {address: "127.0.0.1:0", token: "env:E2E_PAGE_TOKEN"}
log: {format: json}
census: {enabled: true, file: "%s"}
upstreams:
  key: {url: "%s"}
  nobody: {url: "http://%s", breaker: {failures: 1, within: 1h, open: 1h}}
routes:
  openai: {path_prefix: /, upstream: key}
  down: {path_prefix: /down, upstream: nobody}
  several: {path_prefix: /several, strip_prefix: /several, upstreams: [{name: nobody}, {name: key, priority: 2}]}
`

// aMonth writes the file of a census that has counted for thirty days, in which fewer
// callers needed the edge each day.
func aMonth(t *testing.T) string {
	t.Helper()
	now := time.Now().UTC()
	began := now.AddDate(0, 0, -30)
	all := census.RouteHistory{First: began, Last: now, LastNeeding: now}
	for day := range 30 {
		all.Days = append(all.Days, census.Day{
			Date: began.AddDate(0, 0, day).Format(time.DateOnly), Exchanges: int64(12_000 + 900*(day%7)),
			Needing: int64(9_000 - 280*day), Callers: 40, NeedingCallers: 31 - day,
		})
	}
	route := all
	route.Route = "openai"
	doc := census.Document{
		Header:  census.Header{Format: 1, Replica: "page", Run: "before", Edge: "test", Key: "0", Since: began, Written: now.AddDate(0, 0, -1), Bound: 100},
		History: []census.RouteHistory{all, route},
	}
	path := filepath.Join(t.TempDir(), "census.jsonl")
	file, err := os.Create(path)
	testkit.Must(t, err)
	defer file.Close()
	testkit.Must(t, doc.Write(file))
	return path
}

// TestThePageWorks uses the page of the admin listener as an operator does.
func TestThePageWorks(t *testing.T) {
	const adminToken = "e2e-admin-token-0123456789abcdef"
	t.Setenv("E2E_PAGE_TOKEN", adminToken)
	e := edge.Run(t, fmt.Sprintf(pageConfig, aMonth(t), shared.Key.URL, testkit.Unused(t)))
	callAs(t, e, "OpenAI/Python 3.0", subscriptionKey, 200)
	callAs(t, e, "langchain-openai/1.0", otherKey, 401)
	callAs(t, e, "curl/8", "", 401)
	for range 3 {
		curl(t, "", "http://"+e.Address()+"/several/openai/v1/models", "-H", "Authorization: Bearer "+subscriptionKey)
	}
	for _, path := range []string{"/down/openai/v1/models", "/openai/nowhere?x=hidden-in-a-query"} {
		curl(t, "", "http://"+e.Address()+path, "-H", "Authorization: Bearer "+subscriptionKey)
	}
	var cases []sdkCase
	for _, name := range []string{
		"a_wrong_token_is_refused", "login_and_logout_by_keyboard", "keys_reach_everything", "a_reload_is_a_form_of_the_page",
		"it_says_what_fails_and_what_to_do", "without_scripts", "numbers_are_live_and_can_be_paused", "a_session_that_ends_is_told",
		"in_the_dark", "on_a_phone", "the_way_out", "several_upstreams", "no_other_page_reads_it", "nobody_frames_it", "pictures_are_told_in_words",
	} {
		cases = append(cases, sdkCase{name: "page/" + name})
	}
	lines := runScript(t, "unused", "unused", "env", "E2E_ADMIN=http://"+e.AdminAddress(), "E2E_ADMIN_TOKEN="+adminToken, "E2E_EDGE=http://"+e.Address(),
		"E2E_ARTIFACTS="+artifacts(t), "E2E_CHROMIUM="+chromium(t), node(t), "sdk/node/page_cases.mjs")
	expectExactly(t, cases, lines)
	for name, line := range lines {
		t.Run(name, func(t *testing.T) {
			if !line.OK {
				t.Error(line.Detail)
			}
		})
	}
	checkLog(t, e)
	if strings.Contains(e.Log(), adminToken) {
		t.Error("the log holds the token of the admin listener")
	}
}
