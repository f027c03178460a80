package doctor

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/rewrite"
)

// window is how much of a secret must not be shown: upstreams quote the first or the
// last characters of a key.
const window = 6

// maxText bounds what is shown of a text of others.
const maxText = 240

// scrubber takes secrets out of what others have said.
type scrubber struct{ secrets []string }

func newScrubber(values ...secret.Value) scrubber {
	var s scrubber
	for _, v := range values {
		if text := v.Reveal(); text != "" {
			s.secrets = append(s.secrets, oneLine(text), url.QueryEscape(text))
		}
	}
	return s
}

// oneLine returns text on one line, without what commands a terminal.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}

// clean returns text on one line, bounded, and without secrets: a word that shares a
// part with one goes as a whole.
func (s scrubber) clean(text string) string {
	text = oneLine(text)
	shared := s.shared(text)
	words, at := strings.Split(text, " "), 0
	for i, w := range words {
		if slices.Contains(shared[at:at+len(w)], true) || rewrite.HoldsSecret([]byte(w)) {
			words[i] = "***"
		}
		at += len(w) + 1
	}
	text = strings.Join(words, " ")
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText]) + " (cut)"
	}
	return text
}

// shared tells of each byte of text whether it belongs to what it has in common with a
// secret. Of one that is shorter than the window, the whole counts.
func (s scrubber) shared(text string) []bool {
	out := make([]bool, len(text))
	for _, one := range s.secrets {
		size := min(window, len(one))
		for i := 0; i+size <= len(one) && size > 0; i++ {
			part := one[i : i+size]
			for at := strings.Index(text, part); at >= 0; {
				for j := range part {
					out[at+j] = true
				}
				next := strings.Index(text[at+1:], part)
				if next < 0 {
					break
				}
				at += 1 + next
			}
		}
	}
	return out
}
