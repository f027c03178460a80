// Package apimpolicy reads the policy documents of API Management: XML in which C#
// expressions stand as they are typed.
//
//	doc, err := apimpolicy.Read("api.xml", data)
//	for _, policy := range doc.Section("inbound").Children { ... }
//
// Less than half of the documents that people keep in repositories are XML: in
// the form that is called rawxml, quotes, < and && stand unescaped inside
// expressions. So expressions are found first, taken out, and put back into the
// tree that encoding/xml reads of the rest (docs/decisions/0030).
//
// The tree keeps the place of each element and attribute in the file. It is pure:
// no file is opened here, and named values and fragments stay what is written.
package apimpolicy
