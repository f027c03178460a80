package head

import "bytes"

// What lives on one resource of several: files, stored responses, batches and the like.
// Their ids mean nothing elsewhere. A request that is taken for one of these although it
// is none stays where it goes, and nothing worse.

// NamesResource reports whether a path names something that is on one resource, or makes
// what can be used there alone.
func NamesResource(path []byte) bool {
	before := ""
	for segment := range bytes.SplitSeq(path, []byte{'/'}) {
		if len(segment) == 0 {
			continue
		}
		switch before {
		case "responses":
			if string(segment) != "compact" && string(segment) != "input_tokens" {
				return true
			}
		case "completions": // stored ones
			return true
		}
		switch string(segment) {
		case "files", "uploads", "batches", "vector_stores", "fine_tuning", "threads", "assistants", "conversations", "containers", "evals", "videos", "jobs":
			return true
		case "responses":
			before = "responses"
		case "completions":
			before = "completions"
		default:
			before = ""
		}
	}
	return false
}

// NamesID reports whether a body, or a part of one, names something that is on one
// resource. It is no parser: a key counts at any depth, and one that stands in a text
// has backslashes in front of its quotes and does not.
func NamesID(body []byte) bool {
	for rest, from := body, 0; ; {
		i := bytes.Index(rest[from:], []byte("_id"))
		if i < 0 {
			break
		}
		// No more than a key can be long: a body may be made of these.
		i += from
		rest, from = rest[max(0, i-longestIDKey):], min(i, longestIDKey)
		end := from + bytes.IndexByte(rest[from:min(from+len(`_ids"`), len(rest))], '"')
		begin := bytes.LastIndexByte(rest[:from], '"') + 1
		if begin > 0 && end > from && isIDKey(rest[begin:end]) && saysSomething(rest[end+1:]) {
			return true
		}
		from += len("_id")
	}
	for _, key := range [...]string{`"conversation"`, `"container"`} {
		for rest := body; ; {
			i := bytes.Index(rest, []byte(key))
			if i < 0 {
				break
			}
			rest = rest[i+len(key):]
			// The container of a tool that is to be made is a section.
			if saysSomething(rest) && (key != `"container"` || valueOf(rest)[0] == '"') {
				return true
			}
		}
	}
	return false
}

const longestIDKey = len(`"previous_response_id`)

func isIDKey(key []byte) bool {
	switch string(key) {
	case "previous_response_id", "file_id", "file_ids", "input_file_id", "vector_store_ids", "container_id":
		return true
	}
	return false
}

// saysSomething reports whether what stands behind a key is a value that names something.
func saysSomething(rest []byte) bool {
	v := valueOf(rest)
	return len(v) > 0 && v[0] != 'n' && !bytes.HasPrefix(v, []byte("[]")) && !bytes.HasPrefix(v, []byte(`""`))
}

// valueOf returns the value behind a key, and what follows; empty: it was none.
func valueOf(rest []byte) []byte {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return nil
	}
	return bytes.TrimLeft(rest[1:], " \t\r\n")
}
