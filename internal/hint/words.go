package hint

// phrase is one of the words by which texts are known, by its place in phrases.
type phrase uint8

// phrases are all of them, each once: whatever they are many for, a text is gone
// through once. Looking for them one by one cost as much as the exchange.
var (
	phrases []string
	// beginWith are the phrases by their first byte.
	beginWith [256][]phrase

	gatewayWords = words("statuscode")
	serviceWords = words(`error":`, `error" :`, `error':`, "error: {")
)

// mostPhrases bounds them, so that what was found has room without an allocation.
const mostPhrases = 96

// words returns the phrases of texts, which begin where a word does.
func words(texts ...string) (out []phrase) {
	for _, text := range texts {
		out = append(out, phraseOf(text))
	}
	return out
}

func phraseOf(text string) phrase {
	for i, known := range phrases {
		if known == text {
			return phrase(i)
		}
	}
	if len(phrases) == mostPhrases {
		panic("BUG: more words than there is room for")
	}
	p := phrase(len(phrases))
	phrases = append(phrases, text)
	beginWith[text[0]] = append(beginWith[text[0]], p)
	return p
}

// found are the phrases of a text.
type found [mostPhrases]bool

// look goes through a folded text.
func (f *found) look(text []byte) {
	inWord := false
	for i, c := range text {
		if !inWord {
			for _, p := range beginWith[c] {
				if word := phrases[p]; len(text)-i >= len(word) && string(text[i:i+len(word)]) == word {
					f[p] = true
				}
			}
		}
		inWord = 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_'
	}
}

func (f *found) all(of []phrase) bool {
	for _, p := range of {
		if !f[p] {
			return false
		}
	}
	return true
}

// form tells the form of the text, as JSON or as Python and Node print it.
func (f *found) form() form {
	if f.all(gatewayWords) {
		return gatewayForm
	}
	for _, p := range serviceWords {
		if f[p] {
			return serviceForm
		}
	}
	return anyForm
}
