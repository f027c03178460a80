package rewrite

import "strings"

// Moves reports whether an upstream that looks for its key in the target field would find
// other credentials if the request came to it as the client has sent it: whether the
// caller needs these rules. fields are those that d was made of. A refused request needs
// nothing.
func (p *Policy) Moves(d *Decision, fields []Field) bool {
	var stood []byte
	if d.target > 0 {
		stood = fields[d.target-1].Value
	}
	switch {
	case d.Rejected():
		return false
	case d.Token != nil:
		return true
	case d.Key != nil:
		return !p.written(stood, d.Key)
	case p.target == authorizationPlace, d.KeepSlot && int(d.slot) == p.target:
		return false // the line goes on, or holds no credential
	}
	return len(stood) > 0 && d.Reason != ReasonNoCredential // a key check would refuse it
}

// written reports whether a line is as the target field is written with the key. The
// scheme in front of it has no case.
func (p *Policy) written(line, key []byte) bool {
	front, end := len(p.prefix), len(line)-len(p.suffix)
	return end-front == len(key) && strings.EqualFold(string(line[:front]), p.prefix) &&
		string(line[front:end]) == string(key) && string(line[end:]) == p.suffix
}
