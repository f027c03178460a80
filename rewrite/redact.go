package rewrite

// secretNames are parameters that carry secrets in the world of Azure, OAuth
// and the OpenAI SDKs, whether or not a policy reads them.
var secretNames = []string{
	"subscription-key", "api-key", "key", "code", "token", "access_token", "authorization", "sig",
	"ocp-apim-subscription-key", "x-api-key", "api_key", "apikey", "id_token", "refresh_token",
	"client_secret", "client_assertion", "secret", "password", "signature",
}

var stars = []byte("***")

// AppendRedactedQuery appends query to dst with *** for every value that may
// be a secret: those of the policy's fields and parameters and of the names
// that carry secrets elsewhere. It is for logs and for people, so it hides
// more than Decide reads: a name counts after ; and ? as well, and the value
// is hidden up to the next &. The receiver may be nil.
func (p *Policy) AppendRedactedQuery(dst, query []byte) []byte {
	for start := 0; start <= len(query); {
		end := segmentEnd(query, start)
		segment := query[start:end]
		if n := p.secretStart(segment); n >= 0 {
			dst = append(dst, segment[:n]...)
			dst = append(dst, stars...)
		} else {
			dst = append(dst, segment...)
		}
		if end < len(query) {
			dst = append(dst, '&')
		}
		start = end + 1
	}
	return dst
}

// secretStart returns where the value of the first secret in a part of a query
// begins, or -1.
func (p *Policy) secretStart(segment []byte) int {
	name := 0 // where the name begins
	for i, c := range segment {
		switch {
		case c == ';' || c == '?':
			name = i + 1
		case c == '=' && p.secretName(segment[name:i]):
			return i + 1
		}
	}
	return -1
}

func (p *Policy) secretName(name []byte) bool {
	var plain [maxNameLength]byte
	name = decodeName(&plain, name)
	for _, known := range secretNames {
		if equalFold(name, known) {
			return true
		}
	}
	return p != nil && (lookup(p.params, name) >= 0 || lookup(p.names, name) >= 0)
}
