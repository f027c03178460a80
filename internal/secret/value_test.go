package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/rs/zerolog"
	yaml "go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const canary = "0123abcdCANARY"

// holder has a Value in every place that printers treat differently: they call
// methods on exported fields and walk into unexported ones.
type holder struct {
	Open     Value
	hidden   Value
	pointer  *Value
	list     []Value
	byName   map[string]Value
	any      any
	embedded struct{ inner Value }
}

func newHolder() holder {
	v := New(canary)
	h := holder{Open: v, hidden: v, pointer: &v, list: []Value{v}, byName: map[string]Value{"a": v}, any: v}
	h.embedded.inner = v
	return h
}

// leaks searches text for the content as it is, as hex, as base64 and as the
// list of its bytes.
func leaks(text string) bool {
	bytesOf := func(format string) string {
		return strings.Trim(fmt.Sprintf(format, []byte(canary)[:4]), "[]")
	}
	for _, form := range []string{
		canary, canary[4:], hex.EncodeToString([]byte(canary))[:8], base64.StdEncoding.EncodeToString([]byte(canary))[:8],
		bytesOf("%d"), bytesOf("%x"), bytesOf("% x"), bytesOf("%o"), bytesOf("%b"), "0x30, 0x31",
	} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

func TestTheSearchForLeaksFindsWhatPrintersWouldShow(t *testing.T) {
	type careless struct{ content []byte }
	for _, text := range []string{
		fmt.Sprint(canary), fmt.Sprintf("%x", canary), fmt.Sprintf("%v", careless{[]byte(canary)}), fmt.Sprintf("%#v", careless{[]byte(canary)}),
		fmt.Sprintf("%q", canary), fmt.Sprintf("%X", []byte(canary)), fmt.Sprintf("% x", canary), fmt.Sprintf("%o", []byte(canary)),
		base64.StdEncoding.EncodeToString([]byte(canary)),
	} {
		if !leaks(text) {
			t.Errorf("%q is not recognised", text)
		}
	}
}

func TestNoVerbOfFmtShowsAValue(t *testing.T) {
	verbs := "vTtbcdoOqxXUeEfFgGspw%!zZ"
	flags := []string{"", "+", "#", "-", " ", "0", "+#", "# ", "20", ".3", "-20.40"}
	h := newHolder()
	v := New(canary)
	for _, verb := range verbs {
		for _, flag := range flags {
			format := "%" + flag + string(verb)
			t.Run(format, func(t *testing.T) {
				for _, arg := range []any{v, &v, h, &h, []any{v}, [1]Value{v}, map[string]any{"a": h}, struct{ v any }{h}} {
					if text := fmt.Sprintf(format, arg); leaks(text) {
						t.Errorf("%T: %s", arg, text)
					}
				}
			})
		}
	}
}

func TestAValuePrintsAsItsMask(t *testing.T) {
	for _, v := range []Value{New(canary), {}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(format, v); got != "***" {
				t.Errorf("Sprintf(%q) = %q, want ***", format, got)
			}
		}
		if v.String() != "***" || v.GoString() != "***" {
			t.Errorf("String %q, GoString %q, want ***", v.String(), v.GoString())
		}
	}
}

func TestNoLoggerOrEncoderShowsAValue(t *testing.T) {
	h, v := newHolder(), New(canary)
	for _, tc := range []struct {
		name  string
		write func(*bytes.Buffer) error
		want  string // must be part of the output; empty: only no leak
	}{
		{"zerolog Interface", func(b *bytes.Buffer) error {
			logger := zerolog.New(b)
			logger.Info().Interface("v", v).Interface("h", h).Send()
			return nil
		}, `"v":"***"`},
		{"zerolog Any, Stringer, Fields and Err", func(b *bytes.Buffer) error {
			logger := zerolog.New(b)
			logger.Info().Any("a", &v).Stringer("s", v).Fields(map[string]any{"f": v, "h": h}).Err(fmt.Errorf("with %v", h)).Send()
			return nil
		}, `"s":"***"`},
		{"zerolog on a console", func(b *bytes.Buffer) error {
			logger := zerolog.New(zerolog.ConsoleWriter{Out: b, NoColor: true})
			logger.Info().Interface("v", v).Interface("h", h).Send()
			return nil
		}, "v=***"},
		{"slog as JSON", func(b *bytes.Buffer) error {
			slog.New(slog.NewJSONHandler(b, nil)).Info("m", "v", v, "h", h)
			return nil
		}, `"v":"***"`},
		{"slog as text", func(b *bytes.Buffer) error {
			slog.New(slog.NewTextHandler(b, nil)).Info("m", "v", v, "h", h)
			return nil
		}, "v=***"},
		{"JSON", func(b *bytes.Buffer) error { return json.NewEncoder(b).Encode(h) }, `"Open":"***"`},
		{"XML", func(b *bytes.Buffer) error { return xml.NewEncoder(b).Encode(h.list) }, "<Value>***</Value>"},
		{"YAML", func(b *bytes.Buffer) error { return yaml.NewEncoder(b).Encode(map[string]any{"open": v, "h": h}) }, "open: '***'"},
		{"a template", func(b *bytes.Buffer) error {
			return template.Must(template.New("t").Parse("{{.Open}} {{printf \"%x\" .Open}}")).Execute(b, h)
		}, "*** ***"},
		{"an error", func(b *bytes.Buffer) error {
			_, err := fmt.Fprint(b, errors.Join(fmt.Errorf("a: %v", v), fmt.Errorf("b: %+v", h)))
			return err
		}, "a: ***"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			testkit.Must(t, tc.write(&b))
			if text := b.String(); leaks(text) || !strings.Contains(text, tc.want) {
				t.Errorf("got %s, want it to hold %s and no content", text, tc.want)
			}
		})
	}
	t.Run("gob refuses", func(t *testing.T) {
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(v); leaks(b.String()) || err != nil && leaks(err.Error()) {
			t.Errorf("leaked %q, %v", b.String(), err)
		}
	})
	t.Run("a panic", func(t *testing.T) {
		defer func() {
			if text := fmt.Sprint(recover()); leaks(text) {
				t.Error(text)
			}
		}()
		panic(h)
	})
}

func TestRevealGivesTheContent(t *testing.T) {
	if got := New(canary).Reveal(); got != canary {
		t.Errorf("got %q, want %q", got, canary)
	}
	if got := (Value{}).Reveal(); got != "" {
		t.Errorf("the zero Value reveals %q", got)
	}
}

func TestEqual(t *testing.T) {
	for _, tc := range []struct {
		name string
		a, b Value
		want bool
	}{
		{"the same content", New("a key"), New("a key"), true},
		{"other content of the same length", New("a key"), New("b key"), false},
		{"a prefix", New("a key"), New("a ke"), false},
		{"empty against something", Value{}, New("a key"), false},
		{"something against empty", New("a key"), New(""), false},
		{"empty against empty is no match", Value{}, New(""), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.a.Equal(tc.b); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
