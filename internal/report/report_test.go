package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/doctor"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func ago(days int) time.Time { return now.AddDate(0, 0, -days) }

// row is a row that was last seen so many days ago.
func row(key census.Key, ok, wrong int64, days int) census.Row {
	return census.Row{Key: key, Counts: census.Counts{OK: ok, Wrong: wrong}, First: ago(days + 40), Last: ago(days)}
}

// sample is a census of everything that a report has something to say about.
func sample() census.Document {
	d := census.Document{Header: census.Header{
		Format: 1, Replica: "a+b", Key: "k", Since: ago(60), Written: now, Bound: 5000, Lost: 3, Replicas: []string{"a", "b"},
	}}
	d.Setups = []census.Setup{
		{Route: "bridge", PathPrefix: "/v1", Upstream: "https://contoso.azure-api.net", KeyField: "api-key", BridgeTo: "legacy"},
		{Route: "free", PathPrefix: "/free", Upstream: "https://contoso.azure-api.net/free", KeyField: "api-key"},
		{Route: "openai", PathPrefix: "/openai", Upstream: "https://contoso.azure-api.net", KeyField: "api-key", Origins: []string{"https://chat.example.com", "https://*.example.com"}},
		{Route: "own", PathPrefix: "/own", Upstream: "https://apim.example.com", KeyField: "api-key", Own: "managed_identity", Tokens: true, Keys: true, Addresses: true, Headers: true, Query: true},
		{Route: "silent", PathPrefix: "/silent", Upstream: "https://contoso.azure-api.net", KeyField: "api-key"},
	}
	chat := func(route, who, client, version, reason, needs string) census.Key {
		return census.Key{Route: route, Who: who, Client: client, Version: version, Reason: reason, Needs: needs, Shape: "v1", Operation: "chat/completions"}
	}
	legacy := chat("openai", "app:nightly-job", "openai-python", "2.34.0", "misplaced_token", "rules")
	legacy.Shape, legacy.APIVersion, legacy.Model = "legacy", "2024-10-21", "gpt4o-prod"
	odd := chat("openai", "key:00000000000000ee", "other", "", "no_credential", "")
	odd.Client, odd.Model = "<script>alert(1)</script>|[x](http://x)\n`", "=cmd|' /C calc'!A0 <script>alert(1)</script>"
	d.Rows = []census.Row{
		row(chat("openai", "key:00000000000000aa", "openai-python", "2.33.0", "bearer_key", "rules"), 1200, 4, 1),
		row(chat("openai", "key:00000000000000aa", "openai-node", "6.1.0", "explicit_key", ""), 90, 0, 2),
		row(legacy, 30, 0, 3),
		row(chat("openai", "key:00000000000000bb", "browser", "5.0", "explicit_key", "cors"), 7, 0, 4),
		row(chat("openai", "key:00000000000000cc", "curl", "8.5.0", "explicit_key", ""), 0, 9, 5),
		row(chat("openai", "", "openai-go", "1.12.0", "no_credential", ""), 0, 2, 5),
		row(chat("openai", "key:00000000000000dd", "openai-go", "1.12.0", "bearer_key", "rules"), 5, 0, 45),
		row(odd, 1, 0, 6),
		row(chat("own", "client:team-a", "openai-java", "4.0.0", "bearer_key", "rules client_key own_credential"), 5, 0, 0),
		row(chat("bridge", "key:00000000000000aa", "openai-python", "2.33.0", "explicit_key", "bridge"), 5, 0, 0),
		row(chat("free", "key:00000000000000ff", "langchain", "1.6.0", "explicit_key", ""), 50, 0, 0),
	}
	others := row(census.Key{}, 17, 0, 1)
	d.Others = &others
	var days []census.Day
	for i := 60; i >= 0; i-- {
		if i != 10 { // on which it did not run
			days = append(days, census.Day{Date: ago(i).Format(time.DateOnly), Exchanges: 20, Needing: int64(i), Callers: 5, NeedingCallers: 1})
		}
	}
	d.History = []census.RouteHistory{
		{Days: days, First: ago(60), Last: now, LastNeeding: now},
		{Route: "bridge", First: ago(60), Last: now, LastNeeding: now},
		{Route: "free", First: ago(60), Last: now, LastNeeding: ago(44)},
		{Route: "openai", First: ago(60), Last: ago(1), LastNeeding: ago(1)},
		{Route: "own", First: ago(60), Last: now, LastNeeding: now},
		{Route: "silent", First: ago(60), Last: ago(45), LastNeeding: ago(50)},
	}
	return d
}

func made(d census.Document) Report {
	return Make(d, Options{Now: now, Days: 30, Proofs: map[string][]doctor.Proof{"openai": {
		{Asked: "v1 chat/completions, Authorization: Bearer a key", Verdict: doctor.Refused, Evidence: "401 key_missing: Access denied"},
		{Asked: "v1 chat/completions, api-key: a key", Verdict: doctor.Accepted, Evidence: "400, accepted"},
	}, "free": {{Asked: "v1 chat/completions, api-key: a key", Verdict: doctor.Accepted, Evidence: "400, accepted"}}}})
}

// TestEachFormatIsAsItWas compares with files that people have read.
func TestEachFormatIsAsItWas(t *testing.T) {
	r := made(sample())
	for format, name := range map[Format]string{Markdown: "report.md", HTML: "report.html", JSON: "report.json", CSV: "report.csv"} {
		var got bytes.Buffer
		testkit.Must(t, r.Write(&got, format))
		path := filepath.Join("testdata", name)
		if *update {
			testkit.Must(t, os.WriteFile(path, got.Bytes(), 0o644))
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s is not as it was (%v); if that is meant: go test ./internal/report -update\n%s", name, err, got.String())
		}
	}
	if err := r.Write(&bytes.Buffer{}, "pdf"); err == nil {
		t.Error("there is no such format")
	}
}

// TestThePageStandsAlone holds that it fetches nothing, runs nothing, and shows what a
// census says as text.
func TestThePageStandsAlone(t *testing.T) {
	var page bytes.Buffer
	r := made(sample())
	testkit.Must(t, r.Write(&page, HTML))
	for _, unwanted := range []string{"<script", "src=", "href=", "url(", "@import", "<img", "<iframe", "onload", "style="} {
		if strings.Contains(page.String(), unwanted) {
			t.Errorf("the page has %q", unwanted)
		}
	}
	for _, wanted := range []string{`<html lang="en">`, "<main>", "<h1>", "color-scheme: light dark", "prefers-color-scheme: dark", "alert(1)", strings.ReplaceAll(Policy, "'", "&#39;")} {
		if !strings.Contains(page.String(), wanted) {
			t.Errorf("the page lacks %q", wanted)
		}
	}
	tables, captions := strings.Count(page.String(), "<table>"), strings.Count(page.String(), "<caption>")
	if tables == 0 || tables != captions {
		t.Errorf("%d tables and %d captions", tables, captions)
	}
}

// TestASpreadsheetRunsNothing holds it for the texts of a census.
func TestASpreadsheetRunsNothing(t *testing.T) {
	var out bytes.Buffer
	r := made(sample())
	testkit.Must(t, r.Write(&out, CSV))
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 1+len(r.Callers) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
}

// TestAFormulaIsNoneWhereverACellBegins: some spreadsheets take a ; for a comma.
func TestAFormulaIsNoneWhereverACellBegins(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "-1": "'-1", "@x": "'@x", " =1": "' =1", "a;=1": "a;'=1", "a; +1": "a;' +1", "＝1": "'＝1",
		"a=b": "a=b", "a;b": "a;b", "gpt-4o": "gpt-4o",
	} {
		if got := cell(text); got != want {
			t.Errorf("%q comes out as %q, want %q", text, got, want)
		}
	}
}

// TestNoCommandIsMadeOfACensus: what people copy has nothing in it that ends a quote.
func TestNoCommandIsMadeOfACensus(t *testing.T) {
	d := sample()
	for i := range d.Setups {
		d.Setups[i].Upstream, d.Setups[i].KeyField = "https://x';reboot;'.azure-api.net", `api-key": KEY}); import os; os.system("x`
	}
	for _, route := range made(d).Routes {
		for _, c := range route.Changes {
			if strings.Contains(c.Text+c.What+c.But, "reboot") || strings.Contains(c.Text+c.What+c.But, "import os") {
				t.Errorf("%s: %s", c.For, c.Text)
			}
		}
	}
}

func TestWhoNeedsTheEdge(t *testing.T) {
	r := made(sample())
	if r.Verdict != Needed || !strings.Contains(r.Summary, "4 callers would fail without it, 4 would not") {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
	want := map[string]Verdict{"bridge": Needed, "free": NotNeeded, "openai": Needed, "own": Needed, "silent": NotNeeded}
	for _, route := range r.Routes {
		if route.Verdict != want[route.Name] {
			t.Errorf("route %s: %s, want %s: %s", route.Name, route.Verdict, want[route.Name], route.Why)
		}
		if route.Name == "silent" && !strings.Contains(route.Why, "no caller of this route for 30 days") {
			t.Errorf("why: %s", route.Why)
		}
	}
	if r.Looked.Days != 29 || r.Looked.Missing != 1 {
		t.Errorf("looked on %d days, %d missing", r.Looked.Days, r.Looked.Missing)
	}
}

// TestAShortLookIsNoProof holds that what was not seen yet is not called needless.
func TestAShortLookIsNoProof(t *testing.T) {
	d := sample()
	d.Since = ago(5)
	d.Rows = d.Rows[10:]
	d.Setups, d.History = d.Setups[1:2], d.History[2:3]
	d.History[0].LastNeeding = time.Time{}
	if r := made(d); r.Verdict != Unknown {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
	d.Since = ago(31)
	if r := made(d); r.Verdict != NotNeeded {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
	for i := range 200 {
		d.History[0].Days = append(d.History[0].Days, census.Day{Date: ago(i).Format(time.DateOnly)})
	}
	d.Since = ago(200)
	if r := Make(d, Options{Now: now, Days: 180}); r.Verdict != NotNeeded || r.Looked.Days != 180 {
		t.Errorf("over half a year: %s, looked on %d days", r.Verdict, r.Looked.Days)
	}
	if r := made(census.Document{}); r.Verdict != Unknown {
		t.Errorf("of nothing: %s", r.Verdict)
	}
}

// TestEachNeedAndReasonHasItsWords: a row of any kind is explained, whatever the data path
// can decide.
func TestEachNeedAndReasonHasItsWords(t *testing.T) {
	for _, reason := range rewrite.Reasons() {
		r := census.Row{Key: census.Key{Reason: reason.String(), Needs: "rules"}}
		if !reason.Rejects() && reason != rewrite.ReasonNoCredential {
			if got := ruleOf(usesOf(&r)[0]); strings.Contains(got.does, "not known to this version") {
				t.Errorf("reason %s is not explained", reason)
			}
		}
		if got := withoutEdge(&r, &census.Setup{}); got == "" || !reason.Rejects() && strings.Contains(got, "refuses it") && reason != rewrite.ReasonSwapped && reason != rewrite.ReasonTokenWins {
			t.Errorf("reason %s without a need: %s", reason, got)
		}
	}
	for _, need := range record.AllNeeds() {
		if name := need.List()[0]; name != "rules" && strings.Contains(ruleOf(name).does, "not known to this version") {
			t.Errorf("need %s is not explained", name)
		}
	}
}

// TestPoliciesAreXML: what is printed for API Management is well-formed.
func TestPoliciesAreXML(t *testing.T) {
	found := 0
	r := made(sample())
	for _, route := range r.Routes {
		for _, c := range route.Changes {
			if c.Kind != "xml" {
				continue
			}
			found++
			if err := xml.Unmarshal([]byte(c.Text), &struct{ XMLName xml.Name }{}); err != nil {
				t.Errorf("%v:\n%s", err, c.Text)
			}
		}
	}
	if found < 4 {
		t.Errorf("%d policies, want more: this test has not seen what it is about", found)
	}
}

// TestAnAPIThatWasTurnedAround: since the API looks into Authorization (way 2), those who
// sent their key there need nothing, and the others are told to.
func TestAnAPIThatWasTurnedAround(t *testing.T) {
	d := sample()
	d.Setups[2].KeyField = "Authorization"
	d.Rows = []census.Row{d.Rows[0], d.Rows[1]} // a key as Bearer, which was moved, and one in api-key, which was not
	d.History, d.Others = d.History[3:4], nil
	r := made(d)
	if r.Callers[0].Needs || len(r.Routes[2].Changes) != 0 {
		t.Errorf("callers %+v, changes %+v", r.Callers, r.Routes[2].Changes)
	}
	if want := "The edge was needed in the last 30 days, by nobody who is listed"; r.Verdict != Needed || !strings.HasPrefix(r.Summary, want) {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
	shapes, skipped := Shapes(&d, "openai", ago(30))
	if len(shapes) != 1 || shapes[0].Bearer != doctor.AKey || len(skipped) != 1 || !strings.Contains(skipped[0].Evidence, "no longer looks") {
		t.Errorf("got %+v and %+v", shapes, skipped)
	}
	d.Rows[1].Needs = "rules"
	r = made(d)
	if got := r.Routes[2].Changes; len(got) != 1 || got[0].For != "explicit_key" || got[0].Text != "" || !r.Callers[0].Needs {
		t.Errorf("changes %+v, callers %+v", got, r.Callers)
	}
}

func TestWhatAProofHasToAsk(t *testing.T) {
	d := sample()
	shapes, skipped := Shapes(&d, "openai", ago(30))
	want := []doctor.Shape{
		{Path: "v1", Operation: "chat/completions", Bearer: doctor.AKey},
		{Path: "v1", Operation: "chat/completions", Field: doctor.AKey},
		{Path: "legacy", Operation: "chat/completions", APIVersion: "2024-10-21", Field: doctor.AToken},
		{Path: "v1", Operation: "chat/completions", Field: doctor.AKey, Origin: "https://chat.example.com"},
		{Path: "v1", Operation: "chat/completions"},
	}
	if len(shapes) != len(want) || len(skipped) != 0 {
		t.Fatalf("got %+v and %+v", shapes, skipped)
	}
	for i := range want {
		if shapes[i] != want[i] {
			t.Errorf("got %+v, want %+v", shapes[i], want[i])
		}
	}
	if shapes, skipped := Shapes(&d, "own", ago(30)); len(shapes) != 0 || len(skipped) != 1 || skipped[0].Verdict != doctor.Unproved {
		t.Errorf("got %+v and %+v", shapes, skipped)
	}
}
