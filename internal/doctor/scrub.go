package doctor

import (
	"net/url"
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
			s.secrets = append(s.secrets, text, url.QueryEscape(text))
		}
	}
	return s
}

// clean returns text on one line, bounded, without secrets and without what commands a
// terminal. A word that shares a part with a secret goes as a whole.
func (s scrubber) clean(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	for _, one := range s.secrets {
		text = strings.ReplaceAll(text, one, "***")
	}
	words := strings.Split(text, " ")
	for i, w := range words {
		if s.shares(w) || rewrite.HoldsSecret([]byte(w)) {
			words[i] = "***"
		}
	}
	text = strings.Join(words, " ")
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText]) + " (cut)"
	}
	return text
}

func (s scrubber) shares(word string) bool {
	for _, one := range s.secrets {
		for i := 0; i+window <= len(one); i++ {
			if strings.Contains(word, one[i:i+window]) {
				return true
			}
		}
	}
	return false
}
