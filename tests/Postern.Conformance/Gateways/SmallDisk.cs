using System.Diagnostics;

namespace Postern.Conformance.Gateways;

/// <summary>
/// A real filesystem of a few megabytes, in memory, that one process sees and nobody else: in a mount namespace of its own, as root or
/// in a user namespace. A shell there does what a test asks of it on its stdin; when it ends, so does the process.
/// </summary>
internal sealed class SmallDisk
{
    private const string Script = """
        data=$1
        shift
        mkdir -p "$data" && mount -t tmpfs -o size=8m,mode=700 tmpfs "$data" || exit 1
        setpriv --pdeathsig KILL -- "$@" < /dev/null > /dev/null &
        while read -r line; do
          eval "$line" 1>&2
          echo "done $?"
        done
        """;

    private readonly string[] _unshare;

    private SmallDisk(string[] unshare) => _unshare = unshare;

    /// <summary>Finds out how to have one here.</summary>
    /// <exception cref="InvalidOperationException">There is no way; says what is needed.</exception>
    public static SmallDisk Find()
    {
        foreach (var unshare in new string[][] { ["unshare", "-m"], ["unshare", "-r", "-m"] })
        {
            using var trial = Process.Start(new ProcessStartInfo(unshare[0], [.. unshare[1..], "sh", "-c", "mount -t tmpfs tmpfs /mnt && setpriv --pdeathsig KILL -- true"]) { RedirectStandardError = true })!;
            trial.WaitForExit();
            if (trial.ExitCode == 0) return new SmallDisk(unshare);
        }
        throw new InvalidOperationException("no disk can be mounted for this test: neither `unshare -m` (as root) nor `unshare -r -m` works here; run as root with CAP_SYS_ADMIN, or permit user namespaces (`sysctl kernel.unprivileged_userns_clone=1`), with util-linux installed");
    }

    /// <summary>The command that runs this command with such a disk at this folder.</summary>
    public string[] Around(string folder, string[] command) => [.. _unshare, "sh", "-c", Script, "sh", folder, .. command];

    /// <summary>A path as the process of that id sees it.</summary>
    public static string Seen(int process, string path) => $"/proc/{process}/root{path}";
}
