namespace Postern.Conformance;
