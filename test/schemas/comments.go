package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"strings"
)

// comments are what the source says of types and fields, by import path and name.
type comments map[string]string

func (c comments) ofType(t reflect.Type) string { return c[t.PkgPath()+"."+t.Name()] }

func (c comments) ofField(owner reflect.Type, name string) string {
	return c[owner.PkgPath()+"."+owner.Name()+"."+name]
}

const module = "github.com/etcd-restore/etcd-restore"

// readComments reads the source of pkg and plugins.
func readComments(root string) (comments, error) {
	c := comments{}
	for _, folder := range []string{"pkg", "plugins"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(file string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			inside, err := filepath.Rel(root, filepath.Dir(file))
			c.add(path.Join(module, filepath.ToSlash(inside)), parsed)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c comments) add(pkg string, file *ast.File) {
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			continue
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.TypeSpec)
			name := pkg + "." + spec.Name.Name
			c[name] = text(spec.Doc, decl.Doc)
			if of, ok := spec.Type.(*ast.StructType); ok {
				c.addFields(name, of)
			}
		}
	}
}

func (c comments) addFields(name string, of *ast.StructType) {
	for _, f := range of.Fields.List {
		for _, n := range f.Names {
			c[name+"."+n.Name] = text(f.Doc, f.Comment)
		}
	}
}

// text is what some comments say, on one line.
func text(groups ...*ast.CommentGroup) string {
	var all strings.Builder
	for _, g := range groups {
		all.WriteString(g.Text() + " ")
	}
	return strings.Join(strings.Fields(all.String()), " ")
}
