package service

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const counting = `
upstreams:
  legacy: {url: '{UPSTREAM}/base'}
  own: {url: '{UPSTREAM}', auth: {value: 'env:CENSUS_OWN'}}
census: {enabled: true, file: '{FILE}', key: 'env:CENSUS_KEY'}
routes:
  openai: {path_prefix: /openai, upstream: legacy, cors: {allowed_origins: ['https://chat.example.com']}}
  guarded: {path_prefix: /guarded, upstream: legacy, require: {token: [partner]}}
  clients: {path_prefix: /clients, upstream: legacy, require: {client: true}}
  own: {path_prefix: /own, upstream: own, open: true}
  v1: {path_prefix: /v1, upstream: legacy, bridge: {to: legacy, models: {gpt-4o: {deployment: prod, api_version: 2024-10-21}}}}
token_policies:
  partner: {signing_keys: ['env:CENSUS_ISSUER'], issuers: [i], audiences: [a]}
clients:
  team-a: {keys: ['{HASH}']}
`

// TestTheCensusSaysWhoNeedsTheEdge holds what each kind of caller looks like in /census,
// over sockets.
func TestTheCensusSaysWhoNeedsTheEdge(t *testing.T) {
	issuer := identitytest.Offline("i")
	t.Setenv("CENSUS_ISSUER", issuer.Keys())
	t.Setenv("CENSUS_KEY", "nobody knows this")
	t.Setenv("CENSUS_OWN", "a key of the edge itself")
	const key, unsigned = "0123456789abcdef0123456789abcdef", "eyJhbGciOiJub25lIn0.eyJhenAiOiJhcHAtMSJ9.c2ln"
	file := filepath.Join(t.TempDir(), "census.jsonl")
	r := start(t, upstream(t), strings.NewReplacer("{FILE}", file, "{HASH}", clientkey.Hash(key)).Replace(counting))
	stopped := false
	defer func() {
		if !stopped {
			r.Stop("signal")
		}
	}()
	hashed := "key"
	for _, tc := range []struct{ name, head, want string }{ // route, who, client, version, reason, needs, shape, operation, model
		{"a key as Bearer", "GET /openai/v1/models HTTP/1.1\nAuthorization: Bearer " + key + "\nUser-Agent: OpenAI/Python 2.34.0", "openai|key|openai-python|2.34.0|bearer_key|rules|v1|models|"},
		{"a key in its field", "GET /openai/v1/models HTTP/1.1\napi-key: " + key + "\nUser-Agent: OpenAI/JS 6.1.0", "openai|key|openai-node|6.1.0|explicit_key||v1|models|"},
		{"a misplaced token", "GET /openai/deployments/prod/chat/completions?api-version=2024-10-21 HTTP/1.1\napi-key: " + unsigned, "openai|app:app-1|none||misplaced_token|rules|legacy|chat/completions|prod"},
		{"a page", "GET /openai/v1/models HTTP/1.1\nOrigin: https://chat.example.com\napi-key: " + key, "openai|key|none||explicit_key|cors|v1|models|"},
		{"nobody", "GET /openai/v1/models HTTP/1.1", "openai||none||no_credential||v1|models|"},
		{"a verified token", "GET /guarded/x HTTP/1.1\nAuthorization: Bearer " + issuer.Token("a", identitytest.Claims{"azp": "app-2"}), "guarded|app:app-2|none||token||other|other|"},
		{"a client of the edge", "GET /clients/x HTTP/1.1\nAuthorization: Bearer " + key, "clients|client:team-a|none||bearer_key|rules client_key|other|other|"},
		{"an upstream with a credential of the edge", "GET /own/x HTTP/1.1\napi-key: " + key, "own|key|none||explicit_key|own_credential|other|other|"},
		{"a bridge", "POST /v1/embeddings HTTP/1.1\napi-key: " + key + "\nContent-Type: application/json\nContent-Length: 18\n\n{\"model\":\"gpt-4o\"}", "v1|key|none||explicit_key|bridge|v1|embeddings|gpt-4o"},
	} {
		head, body, _ := strings.Cut(tc.head, "\n\n")
		answer := r.raw(strings.ReplaceAll(head, "\n", "\r\n") + "\r\nHost: edge\r\nConnection: close\r\n\r\n" + body)
		if !strings.Contains(answer, " 200 ") {
			t.Errorf("%s: %s", tc.name, answer)
		}
		found := false
		d := r.document()
		for _, row := range d.Rows {
			who := row.Who
			if strings.HasPrefix(who, "key:") {
				hashed = who
				who = "key"
			}
			got := strings.Join([]string{row.Route, who, row.Client, row.Version, row.Reason, row.Needs, row.Shape, row.Operation, row.Model}, "|")
			found = found || got == tc.want
		}
		if !found {
			t.Errorf("%s: no row %s in %+v", tc.name, tc.want, d.Rows)
		}
	}
	if d := r.document(); len(d.Setups) != 5 || d.Setups[2].Route != "openai" || !strings.HasSuffix(d.Setups[2].Upstream, "/base") || d.Setups[3].Own != "key" {
		t.Errorf("setups: %+v", d.Setups)
	}
	if _, body := r.admin("GET", "/metrics"); !strings.Contains(body, "apim_edge_census_rows 9\n") {
		t.Error("the metrics do not tell of 9 rows")
	}
	r.Stop("signal")
	stopped = true
	kept := testkit.Read(t, file)
	for _, needle := range []string{key, unsigned[:25], "127.0.0.1:", "a key of the edge", "nobody knows"} {
		if strings.Contains(strings.ReplaceAll(kept, r.upstreamOf(kept), ""), needle) {
			t.Errorf("the file holds %q", needle)
		}
	}
	again := start(t, upstream(t), strings.NewReplacer("{FILE}", file, "{HASH}", clientkey.Hash(key)).Replace(counting))
	again.get("/openai/v1/models")
	if d := again.document(); len(d.Rows) != 10 || !strings.Contains(kept, hashed) {
		t.Errorf("%d rows after another start, want 10", len(d.Rows))
	}
	again.Stop("signal")
}

// upstreamOf is the upstream's own address, which is the operator's.
func (r *running) upstreamOf(text string) string {
	_, rest, _ := strings.Cut(text, `"upstream":"`)
	address, _, _ := strings.Cut(strings.TrimPrefix(rest, "http://"), "/")
	return address
}

func (r *running) document() census.Document {
	r.t.Helper()
	status, body := r.admin("GET", "/census")
	d, faults, err := census.Read(strings.NewReader(body))
	if status != 200 || err != nil || len(faults) > 0 {
		r.t.Fatalf("GET /census: %d, %v, %v", status, faults, err)
	}
	return d
}

// TestWithoutACensusNobodyIsCounted holds it, and that the page is not there.
func TestWithoutACensusNobodyIsCounted(t *testing.T) {
	r := start(t, upstream(t), minimal)
	r.get("/openai/v1/models")
	if status, _ := r.admin("GET", "/census"); status != 404 {
		t.Errorf("GET /census = %d, want 404", status)
	}
	if _, body := r.admin("GET", "/metrics"); strings.Contains(body, "apim_edge_census") {
		t.Error("the metrics tell of a census")
	}
	r.Stop("signal")
}

// TestAKeyOfTheCensusThatIsNotThere ends the start: rows would be hashed by another one.
func TestAKeyOfTheCensusThatIsNotThere(t *testing.T) {
	r := &running{t: t, file: filepath.Join(t.TempDir(), "config.yaml")}
	r.write(strings.ReplaceAll(minimal, "{UPSTREAM}", "http://127.0.0.1:1") + "census: {enabled: true, key: 'env:NO_SUCH_CENSUS_KEY'}\n")
	_, err := Start(Options{Load: r.load, File: r.file, Log: &strings.Builder{}, Version: "test"})
	if err == nil || !strings.Contains(err.Error(), "census.key: env:NO_SUCH_CENSUS_KEY: the environment variable is not set") {
		t.Errorf("Start = %v", err)
	}
}
