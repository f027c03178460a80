package carryover

import "github.com/apim-edge/apim-edge/internal/apimpolicy"

// Input is what is known of an instance of API Management.
type Input struct {
	// Global is the policy of the whole instance. Nil: it is not known.
	Global *apimpolicy.Document
	// NoGlobal says that there is nothing above the documents that are given.
	NoGlobal bool
	// Product is the policy of the product by which the APIs are called, or nil.
	Product *apimpolicy.Document
	APIs    []API
	// Fragments are what include-fragment names, by their ids.
	Fragments map[string]*apimpolicy.Document
	// NamedValues are what {{name}} stands for, by their display names.
	NamedValues map[string]NamedValue
	// Backends are what backend-id names.
	Backends map[string]Backend
	// Upstream is the URL of APIs whose policies name none. Empty: not known.
	Upstream string
	// Unread is where a policy above the APIs stands that could not be read.
	Unread string
	// Notes are what was found out while the input was read, and is not carried over.
	Notes []Item
}

// API is one API with its operations.
type API struct {
	// Name is what the route is called after. Path is its URL suffix.
	Name, Path string
	// From is the file that says so, or empty.
	From string
	// URL of the service, where the API says it.
	URL string
	// KeyHeader is the field in which clients send the subscription key. Empty: not
	// known.
	KeyHeader string
	// Open says that the API asks for no subscription key.
	Open bool
	// Policy is its policy document. Nil: it has none.
	Policy *apimpolicy.Document
	// Product is the policy of its product, instead of that of Input.
	Product    *apimpolicy.Document
	Operations []Operation
	// Unread is where a policy of the API or of an operation stands that could not be
	// read: nobody knows whom it keeps away.
	Unread string
	// Others are policies of further products that the API is in.
	Others []*apimpolicy.Document
}

// Operation is an operation with a policy of its own.
type Operation struct {
	Name, Method, Template string
	Policy                 *apimpolicy.Document
}

// NamedValue is what a {{name}} stands for.
type NamedValue struct {
	Value string
	// Secret says that the value must not be shown.
	Secret bool
	// Vault is the id of a secret in Key Vault that has the value.
	Vault string
}

// Backend is a backend entity, to which policies refer by its id.
type Backend struct {
	URL string
	// Pool are the ids of the backends that the backend is a pool of.
	Pool []PoolMember
	// Extra names what else the entity says, which is not carried over.
	Extra []string
	From  string
	Line  int
}

// PoolMember is one backend of a pool.
type PoolMember struct {
	ID               string
	Priority, Weight int
}
