//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const (
	chatV1     = "/openai/v1/chat/completions"
	chatLegacy = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
	hello      = `{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}`
	helloLive  = `{"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}`
)

func TestCurlGetsThrough(t *testing.T) {
	large := []byte(strings.Replace(hello, "Hello", strings.Repeat("0123456789abcde ", 200_000), 1))
	file := testkit.File(t, "large.json", string(large))
	shared.reset()
	for _, tc := range []struct {
		sdkCase
		target string
		args   []string
	}{
		{sdkCase{name: "key as Bearer", reason: "bearer_key", sees: keyOnly, direct: 401},
			chatV1, []string{"-d", hello, "-H", "Authorization: Bearer " + subscriptionKey}},
		{sdkCase{name: "key as bearer twice", reason: "bearer_key", sees: keyOnly},
			chatV1, []string{"-d", hello, "-H", "authorization: bearer Bearer " + subscriptionKey}},
		{sdkCase{name: "key in api-key", reason: "explicit_key", sees: keyOnly, direct: 200},
			chatLegacy, []string{"-d", hello, "-H", "api-key: " + subscriptionKey}},
		{sdkCase{name: "key in api-key behind Bearer", reason: "explicit_key", sees: keyOnly, direct: 401},
			chatLegacy, []string{"-d", hello, "-H", "api-key: Bearer " + subscriptionKey}},
		{sdkCase{name: "key in Ocp-Apim-Subscription-Key", reason: "explicit_key", sees: keyOnly, direct: 401},
			chatLegacy, []string{"-d", hello, "-H", "Ocp-Apim-Subscription-Key: " + subscriptionKey}},
		{sdkCase{name: "key in the query leaves the URL", reason: "explicit_key", sees: keyOnly, direct: 200, more: targetIs(chatLegacy)},
			chatLegacy + "&subscription-key=" + subscriptionKey, []string{"-d", hello}},
		{sdkCase{name: "token as Bearer", reason: "token", sees: tokenOnly},
			"/token" + chatV1, []string{"-d", hello, "-H", "Authorization: Bearer " + token}},
		{sdkCase{name: "token in api-key", reason: "misplaced_token", sees: tokenOnly},
			"/token" + chatV1, []string{"-d", hello, "-H", "api-key: " + token}},
		{sdkCase{name: "key where the upstream wants a token of the edge's own", reason: "bearer_key", sees: tokenOnly},
			"/own" + chatV1, []string{"-d", hello, "-H", "Authorization: Bearer " + subscriptionKey}},
		{sdkCase{name: "key in every place, there", reason: "explicit_key_wins", sees: tokenOnly, more: targetIs(chatLegacy)},
			"/own" + chatLegacy + "&subscription-key=" + otherKey, []string{"-d", hello, "-H", "Authorization: Bearer " + subscriptionKey, "-H", "api-key: " + otherKey, "-H", "x-api-key: " + otherKey}},
		{sdkCase{name: "no credential, there", reason: "no_credential", sees: tokenOnly},
			"/own" + chatV1, []string{"-d", hello}},
		{sdkCase{name: "no credential", reason: "no_credential", fails: 401, direct: 401,
			says: "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API."},
			chatV1, []string{"-d", hello}},
		{sdkCase{name: "large body after 100 Continue", reason: "bearer_key", sees: keyOnly, more: bodyIs(large)},
			chatV1, []string{"--data-binary", "@" + file, "-H", "Expect: 100-continue", "-H", "Authorization: Bearer " + subscriptionKey}},
		{sdkCase{name: "large body in chunks", reason: "bearer_key", sees: keyOnly, more: both(bodyIs(large), wasChunked)},
			chatV1, []string{"-X", "POST", "-T", file, "-H", "Transfer-Encoding: chunked", "-H", "Authorization: Bearer " + subscriptionKey}},
		{sdkCase{name: "HTTP 1.0", reason: "bearer_key", sees: keyOnly},
			chatV1, []string{"--http1.0", "-d", hello, "-H", "Authorization: Bearer " + subscriptionKey}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.judge(t, shared, curl(t, tc.name, shared.URL()+tc.target, tc.args...))
			if tc.direct == 0 {
				return
			}
			if got := curl(t, "", shared.Key.URL+tc.target, tc.args...); got.Status != tc.direct && !(got.OK && tc.direct == 200) {
				t.Errorf("without the edge: got status %d, want %d", got.Status, tc.direct)
			}
		})
	}
}

// curl returns what curl printed, as a script tells it.
func curl(t *testing.T, name, url string, args ...string) caseLine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	all := []string{"-sS", "--noproxy", "*", "-w", "\n%{http_code}", "-H", "Content-Type: application/json", "-H", "x-e2e-case: " + name}
	cmd := exec.CommandContext(ctx, "curl", append(append(all, args...), url)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	cut := bytes.LastIndexByte(out, '\n')
	status, err := strconv.Atoi(string(out[cut+1:]))
	if err != nil {
		t.Fatalf("curl printed %q", out)
	}
	line := caseLine{Case: name, OK: status == 200, Detail: string(out[:cut])}
	if !line.OK {
		line.Status = status
	}
	return line
}

func targetIs(target string) func(*testing.T, *stage, []seenRequest) {
	return func(t *testing.T, _ *stage, seen []seenRequest) {
		t.Helper()
		if len(seen) > 0 && seen[0].Target != target {
			t.Errorf("target upstream: got %q, want %q", seen[0].Target, target)
		}
	}
}

func bodyIs(body []byte) func(*testing.T, *stage, []seenRequest) {
	return func(t *testing.T, _ *stage, seen []seenRequest) {
		t.Helper()
		sum := sha256.Sum256(body)
		if len(seen) > 0 && seen[0].BodySHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%d bytes of body arrived, not the %d that were sent", seen[0].BodyBytes, len(body))
		}
	}
}

func both(a, b func(*testing.T, *stage, []seenRequest)) func(*testing.T, *stage, []seenRequest) {
	return func(t *testing.T, s *stage, seen []seenRequest) {
		t.Helper()
		a(t, s, seen)
		b(t, s, seen)
	}
}

// TestCurlSeesEachEventAtOnce reads the first event of a stream whose second
// one upstream does not send before the first has been seen to arrive.
func TestCurlSeesEachEventAtOnce(t *testing.T) {
	shared.reset()
	const name = "live stream"
	cmd := exec.CommandContext(t.Context(), "curl", "-sS", "-N", "--noproxy", "*", "-i", "--raw", "-d", helloLive,
		"-H", "Authorization: Bearer "+subscriptionKey, "-H", "x-lookalike-interval: 10m",
		"-H", "x-e2e-case: "+name, shared.URL()+chatV1)
	out, err := cmd.StdoutPipe()
	testkit.Must(t, err)
	testkit.Must(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	answer, err := http.ReadResponse(bufio.NewReader(out), nil)
	testkit.Must(t, err)
	event, err := bufio.NewReader(answer.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(event, "data: ") {
		t.Fatalf("first event: %q, %v", event, err)
	}
	_ = cmd.Process.Kill() // curl leaves in the silence between two events
	seen := shared.seen(name)
	if len(seen) != 1 {
		t.Fatalf("%d requests reached upstream, want 1", len(seen))
	}
	if end := shared.Key.ended(t, seen[0].ID); !end.Left || end.Events != 1 {
		t.Errorf("upstream sent %d events and was cancelled: %v; want 1 and true", end.Events, end.Left)
	}
	causeIs("client_left")(t, shared, seen)
}

// TestCurlGetsEveryByteOfAStream compares the stream with the digest that the
// look-alike announced in the head.
func TestCurlGetsEveryByteOfAStream(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "curl", "-sS", "-N", "--noproxy", "*", "-i", "--raw", "-d", helloLive,
		"-H", "Authorization: Bearer "+subscriptionKey, "-H", "x-lookalike-events: 10000", shared.URL()+chatV1)
	out, err := cmd.Output()
	testkit.Must(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(out)), nil)
	testkit.Must(t, err)
	sum := sha256.New()
	n, err := bufio.NewReader(answer.Body).WriteTo(sum)
	if err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	if got, want := fmt.Sprintf("%x", sum.Sum(nil)), answer.Header.Get("x-lookalike-answer-sha256"); got != want {
		t.Errorf("digest of %d bytes: got %s, want %s", n, got, want)
	}
}
