// Command e2e-go runs the Go SDKs through apim-edge, case by case. It has a
// module of its own so that the SDKs stay out of apim-edge's.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	openaiv1 "github.com/openai/openai-go"
	"github.com/openai/openai-go/v3"
	goopenai "github.com/sashabaranov/go-openai"
)

var (
	keyBase   = os.Getenv("E2E_KEY_BASE")   // asks for a subscription key
	tokenBase = os.Getenv("E2E_TOKEN_BASE") // asks for a token
	key       = os.Getenv("E2E_KEY")
	token     = os.Getenv("E2E_TOKEN")
	otherKey  = os.Getenv("E2E_OTHER_KEY") // a secret of somebody else
)

const (
	apiVersion     = "2024-10-21"
	model          = "gpt-4o"
	embeddingModel = "text-embedding-3-small"
	caseField      = "x-e2e-case" // the recorder tells the cases apart by it
)

// testCase is one named case; it gets its own name, says what came of it, and fails by
// its error.
type testCase struct {
	name string
	run  func(ctx context.Context, name string) (detail string, err error)
}

// checked is the run of a case that has nothing to say but whether it fails.
func checked(run func(ctx context.Context, name string) error) func(context.Context, string) (string, error) {
	return func(ctx context.Context, name string) (string, error) { return "", run(ctx, name) }
}

// main prints one JSON line per case, {case, ok, status, detail}; see
// ../python/case_line.py. "bridge" in front of the names asks for the cases of a bridge.
func main() {
	cases := slices.Concat(openaiCases(), openaiV1Cases(), goOpenAICases())
	names := os.Args[1:]
	if len(names) > 0 && names[0] == "bridge" {
		cases, names = bridgeCases(), names[1:]
	}
	asked := map[string]bool{}
	for _, name := range names {
		asked[name] = true
	}
	for _, c := range cases {
		if len(asked) == 0 || asked[c.name] {
			report(c)
		}
	}
}

func report(c testCase) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	line := map[string]any{"case": c.name, "ok": true, "status": 0, "detail": ""}
	detail, err := c.run(ctx, c.name)
	line["detail"] = detail
	if err != nil {
		line["ok"], line["status"], line["detail"] = false, statusOf(err), err.Error()
	}
	raw, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(raw))
}

func statusOf(err error) int {
	var v3 *openai.Error
	var v1 *openaiv1.Error
	var api *goopenai.APIError
	var request *goopenai.RequestError
	switch {
	case errors.As(err, &v3):
		return v3.StatusCode
	case errors.As(err, &v1):
		return v1.StatusCode
	case errors.As(err, &api):
		return api.HTTPStatusCode
	case errors.As(err, &request):
		return request.HTTPStatusCode
	}
	return 0
}

func prompt(name string) string { return "say " + name }

// checkText: the look-alike repeats the prompt and explains itself, always alike.
func checkText(name, text string) error {
	if !strings.HasPrefix(text, "You said: "+prompt(name)+"\n") || !strings.HasSuffix(text, "holds them back.") {
		return fmt.Errorf("not the whole answer: %q", text)
	}
	return nil
}

func checkStream(name string, pieces []string) error {
	if len(pieces) < 20 {
		return fmt.Errorf("%d pieces: the answer did not come word by word", len(pieces))
	}
	return checkText(name, strings.Join(pieces, ""))
}

func checkVector[F float32 | float64](vector []F) error {
	var square float64
	for _, v := range vector {
		square += float64(v) * float64(v)
	}
	if len(vector) != 1536 || math.Abs(square-1) > 1e-3 {
		return fmt.Errorf("not a unit vector of 1536 numbers: %d of them", len(vector))
	}
	return nil
}

var upload = []byte(strings.Repeat("sixteen letters ", 20_000))

// checkUpload compares what the look-alike says it got.
func checkUpload(answer string) error {
	var got struct {
		Filename, Purpose, SHA256 string
		Bytes                     int
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		return err
	}
	sum := sha256.Sum256(upload)
	if got.Filename != "lines.jsonl" || got.Purpose != "fine-tune" || got.Bytes != len(upload) ||
		got.SHA256 != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("the upload arrived as %+v", got)
	}
	return nil
}
