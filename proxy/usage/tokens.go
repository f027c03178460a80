package usage

// field is a number that an answer may say of its tokens.
type field uint8

const (
	noField    field = iota
	prompt           // of chat completions, completions and embeddings: all of the input
	input            // of responses: all of the input; of messages: without what a cache had
	completion       // of chat completions: the output
	output           // of responses and messages: the output
	cached           // the part of the input that a cache had
	reasoning        // the part of the output that nobody sees
	cacheRead        // of messages, beside input
	cacheMade        // of messages, beside input
	fields
)

// names are those of the members of usage and, one level deeper, of its details.
var names = map[string]field{
	"prompt_tokens": prompt, "input_tokens": input, "completion_tokens": completion, "output_tokens": output,
	"cache_read_input_tokens": cacheRead, "cache_creation_input_tokens": cacheMade,
}

// Tokens are the numbers of one answer. The zero value knows none.
type Tokens struct {
	said [fields]int64
	has  uint16 // a bit for each that was said
}

func (t *Tokens) set(f field, n int64) {
	t.said[f] = n
	t.has |= 1 << f
}

func (t *Tokens) knows(f field) bool { return t.has&(1<<f) != 0 }

// Known reports whether the answer has said how many tokens went in or came out.
func (t *Tokens) Known() bool {
	return t.has&(1<<prompt|1<<input|1<<completion|1<<output) != 0
}

// In returns all tokens of the input, cached ones included. Messages count those beside
// the others. Some who translate them say both, and then prompt_tokens has them all.
func (t *Tokens) In() int64 {
	if t.knows(prompt) {
		return t.said[prompt]
	}
	if t.knows(cached) {
		return t.said[input]
	}
	return t.said[input] + t.said[cacheRead] + t.said[cacheMade]
}

// Out returns all tokens of the output, those of reasoning included.
func (t *Tokens) Out() int64 {
	if t.knows(completion) {
		return t.said[completion]
	}
	return t.said[output]
}

// Cached returns how many tokens of the input a cache had.
func (t *Tokens) Cached() int64 {
	if t.knows(cached) {
		return t.said[cached]
	}
	return t.said[cacheRead]
}

// Reasoning returns how many tokens of the output were spent on thinking.
func (t *Tokens) Reasoning() int64 { return t.said[reasoning] }
