package arch

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
)

// Library tells CheckSource that a package is a library: besides what holds
// everywhere, it neither prints, nor exits, nor looks at its environment.
type Library bool

// CheckSource reads the files of a package. Everywhere,
//
//   - there is no init function, and
//   - a package-level variable is a constant that Go cannot express: it is
//     initialised where it is declared, holds nothing of sync or sync/atomic,
//     and nothing assigns to it or to a part of it.
func CheckSource(p *Package, lib Library) ([]string, error) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	c := &checker{fset: fset, lib: lib, uses: make(map[*ast.Ident]types.Object)}
	c.pkg = resolve(fset, p.ImportPath, files, c.uses)
	for _, file := range files {
		for _, decl := range file.Decls {
			c.declaration(decl)
		}
		ast.Inspect(file, func(n ast.Node) bool { c.node(n); return true })
	}
	return c.findings, nil
}

// resolve finds out which declaration each name stands for. Imports are not
// loaded: to know the package that a qualified name comes from is enough here,
// and the errors about the rest are meaningless.
func resolve(fset *token.FileSet, path string, files []*ast.File, uses map[*ast.Ident]types.Object) *types.Package {
	conf := types.Config{Importer: noImporter{}, Error: func(error) {}}
	pkg, _ := conf.Check(path, fset, files, &types.Info{Uses: uses})
	return pkg
}

type noImporter struct{}

func (noImporter) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not loaded")
}

type checker struct {
	fset     *token.FileSet
	pkg      *types.Package
	lib      Library
	uses     map[*ast.Ident]types.Object
	findings []string
}

func (c *checker) report(at ast.Node, format string, args ...any) {
	c.findings = append(c.findings, fmt.Sprintf("%s: %s", c.fset.Position(at.Pos()), fmt.Sprintf(format, args...)))
}

func (c *checker) declaration(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.Name == "init" {
			c.report(d, "init runs before anybody asked for it\n\tinstead: a constructor")
		}
	case *ast.GenDecl:
		if d.Tok == token.VAR {
			for _, spec := range d.Specs {
				c.variable(spec.(*ast.ValueSpec))
			}
		}
	}
}

const noState = "\n\tinstead: a field of a struct that a constructor returns"

func (c *checker) variable(spec *ast.ValueSpec) {
	if len(spec.Values) == 0 {
		c.report(spec, "package-level variable %s has no initial value, so somebody will assign one%s", spec.Names[0], noState)
	}
	ast.Inspect(spec, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(c.importOf(sel)+"/", "sync/") {
			c.report(sel, "package-level variable %s is shared state (%s)%s", spec.Names[0], types.ExprString(sel), noState)
		}
		return true
	})
}

func (c *checker) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, target := range n.Lhs {
			c.assignment(target)
		}
	case *ast.IncDecStmt:
		c.assignment(n.X)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			c.assignment(n.X)
		}
	case *ast.SelectorExpr:
		if instead := worldly(c.importOf(n), n.Sel.Name); bool(c.lib) && instead != "" {
			c.report(n, "%s in a library package\n\tinstead: %s", types.ExprString(n), instead)
		}
	case *ast.CallExpr:
		if name := c.builtinOf(n); bool(c.lib) && strings.HasPrefix(name, "print") {
			c.report(n, "%s in a library package\n\tinstead: return the text", name)
		}
	}
}

// assignment reports target if it is, or is a part of, a package-level
// variable of this package or another. Taking an address counts: it is how the
// assignment is done elsewhere.
func (c *checker) assignment(target ast.Expr) {
	for at := target; ; {
		switch x := at.(type) {
		case *ast.IndexExpr:
			at = x.X
		case *ast.StarExpr:
			at = x.X
		case *ast.ParenExpr:
			at = x.X
		case *ast.SelectorExpr:
			if c.importOf(x) != "" {
				c.report(target, "%s belongs to another package\n\tinstead: pass it a value", types.ExprString(x))
				return
			}
			at = x.X
		case *ast.Ident:
			if v, ok := c.uses[x].(*types.Var); ok && v.Parent() == c.pkg.Scope() {
				c.report(target, "package-level variable %s changes%s", x.Name, noState)
			}
			return
		default:
			return
		}
	}
}

// importOf is the path of the package that a name is qualified with, or "".
func (c *checker) importOf(sel *ast.SelectorExpr) string {
	if id, ok := sel.X.(*ast.Ident); ok {
		if name, ok := c.uses[id].(*types.PkgName); ok {
			return name.Imported().Path()
		}
	}
	return ""
}

// builtinOf is the name of the predeclared function that a call calls, or "".
func (c *checker) builtinOf(call *ast.CallExpr) string {
	if id, ok := call.Fun.(*ast.Ident); ok {
		if f, ok := c.uses[id].(*types.Builtin); ok {
			return f.Name()
		}
	}
	return ""
}

// worldly says what a library does instead of using name of package path, or
// nothing where the use is fine.
func worldly(path, name string) string {
	switch {
	case path == "fmt" && (strings.HasPrefix(name, "Print") || strings.HasPrefix(name, "Scan")):
		return "return the text, or report progress through an interface that the package declares"
	case path != "os":
		return ""
	}
	switch name {
	case "Exit":
		return "return an error; plugins/ maps it to an exit code"
	case "Stdin", "Stdout", "Stderr":
		return "take an io.Reader or io.Writer"
	case "Args", "Getenv", "LookupEnv", "Environ", "ExpandEnv":
		return "take a parameter; flags and environment belong to plugins/"
	}
	return ""
}
