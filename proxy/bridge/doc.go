// Package bridge leads clients of one shape of Azure OpenAI to an API of the other:
// v1, where the model stands in the body (POST /openai/v1/chat/completions), and
// legacy, where it stands in the path (POST
// /openai/deployments/{deployment}/chat/completions?api-version=...).
//
// A Table is what a route says about its models, compiled. A Crossing is one request
// on its way: Begin reads its line, Scan looks for the model in the bytes of the body
// that have come so far and may be called again with more of them, and then AppendPath,
// AppendQuery and Edit say what the other side is sent.
//
//	if err := table.Begin(&c, &request); err != nil { ... }
//	for c.NeedsBody() {
//		ready, err := c.Scan(held, rest)
//		...
//	}
//
// It is pure: bytes in, decisions out. Nothing is held here: the caller keeps what has
// come of the body, Table.BodyHead bytes at most. A body stays as it is but for the
// value of model; nothing is parsed into values and written anew.
//
// What the bridge cannot do: it does not translate one operation into another (chat
// into responses), it does not look into answers, files or events, and names in them
// stay as they are.
package bridge
