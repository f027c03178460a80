package hint

// Answer is what is known of an upstream's answer from its head, and of the request
// that it answers.
type Answer struct {
	Status int
	// Reason is the text of the credential decision; empty: nobody has decided.
	Reason string
	// Field is the field in which the key went upstream, if one did.
	Field string
	// Challenges are the values of WWW-Authenticate.
	Challenges [][]byte
	// ContentType is that of the body.
	ContentType []byte
	// FromService tells that it carries apim-request-id.
	FromService bool
}

// Told reports whether an answer of this status is looked at: those that say
// something about credentials, paths or limits.
func Told(status int) bool {
	switch status {
	case 400, 401, 403, 404, 429:
		return true
	}
	return false
}

// Most is how much of a body is looked at: the texts stand at its beginning.
const Most = 1 << 10

// sent is what the request had for a credential.
type sent uint8

const (
	sentUnknown sent = iota
	sentNothing
	sentKey
	sentToken
)

func sentBy(reason string) sent {
	switch reason {
	case "no_credential":
		return sentNothing
	case "bearer_key", "explicit_key", "explicit_key_wins", "token_and_key", "swapped":
		return sentKey
	case "token", "token_wins", "misplaced_token":
		return sentToken
	}
	return sentUnknown
}

// Head is what the head of an answer says. It aliases nothing.
type Head struct {
	status    int
	sent      sent
	challenge challenge
	page      bool // its type is that of a page
	service   bool
}

// Head reads the head.
func (a Answer) Head() Head {
	h := Head{status: a.Status, sent: sentBy(a.Reason), service: a.FromService}
	h.page = hasPrefixFold(a.ContentType, "text/html")
	for _, c := range a.Challenges {
		h.challenge = max(h.challenge, challengeOf(c, a.Field))
	}
	return h
}

// Of returns what the answer is known as, by its head and its body. Of more than Most
// bytes the first ones count.
func (h Head) Of(body []byte) Hint {
	var s Sight
	s.Begin(h)
	s.Look(body)
	return s.Hint()
}

// Sight looks at a body as it comes, piece by piece, until it knows it or has seen Most
// bytes. A text that two pieces share is not known. Its zero value looks at nothing.
type Sight struct {
	head  Head
	known Hint // by the text
	left  int  // how many bytes are still looked at
}

// Begin begins to look at the body of an answer with that head.
func (s *Sight) Begin(h Head) { *s = Sight{head: h, known: Unknown, left: Most} }

// Look looks at a piece. It keeps nothing of it.
func (s *Sight) Look(piece []byte) {
	piece = piece[:min(len(piece), s.left)]
	if len(piece) == 0 {
		return
	}
	s.left -= len(piece)
	var room [Most]byte
	if s.known = s.head.byText(fold(room[:0], piece)); s.known != Unknown {
		s.left = 0
	}
}

// Hint returns what is known so far.
func (s *Sight) Hint() Hint {
	if s.known == Unknown {
		return s.head.unread()
	}
	return s.known
}

// In returns what a text is known as that somebody has pasted: a line of a log, JSON,
// what a program prints of an exception. The whole of it is looked at.
func In(text string, status int) Hint {
	return Head{status: status}.byText(fold(nil, []byte(text)))
}

// byText returns what a folded text says.
func (h Head) byText(text []byte) Hint {
	var in found
	in.look(text)
	shape := in.form()
	for i := range rows {
		r := &rows[i]
		if r.status != 0 && h.status != 0 && r.status != h.status || r.form != anyForm && r.form != shape || !in.all(r.words) {
			continue
		}
		if h.service && r.behind != 0 {
			return r.behind
		}
		return h.refine(r.hint)
	}
	return Unknown
}

// refine says of a missing key what the decision and the challenge tell besides.
func (h Head) refine(of Hint) Hint {
	switch {
	case of != KeyMissing:
		return of
	case h.sent == sentToken:
		return TokenInsteadOfKey
	case h.sent == sentKey && h.challenge == sameField:
		return KeyLostOnTheWay
	case h.sent == sentKey:
		return KeyInOtherField
	}
	return of
}

// unread says what is known without the text.
func (h Head) unread() Hint {
	switch {
	case h.challenge == otherLogin:
		return LoginWanted
	case h.page:
		return PageInsteadOfAPI
	case h.status == 401 && h.challenge == otherField && h.sent == sentKey:
		return KeyInOtherField
	}
	return Unknown
}

// fold appends text in lower case, each run of white space as one space, and without
// backslashes: JSON inside JSON, as logs have it, is full of them.
func fold(dst, text []byte) []byte {
	space := false
	for _, c := range text {
		switch {
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			space = true
			continue
		case c == '\\':
			continue
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		}
		if space && len(dst) > 0 {
			dst = append(dst, ' ')
		}
		space = false
		dst = append(dst, c)
	}
	return dst
}
