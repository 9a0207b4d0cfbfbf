using Postern.Core.Yaml;

namespace Postern.Core.Policy;

/// <summary>One test of a policy file as written; read in full when it runs.</summary>
internal sealed record PolicyTest(YamlNode Node, YamlNode? Definitions);
