using System.CommandLine;
using Postern.Cli.Console;

namespace Postern.Cli.Commands;

/// <summary><c>postern kube</c>: what kubectl needs to reach clusters through a gateway.</summary>
internal static class KubeCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared) => new("kube", "Reach Kubernetes clusters through the gateway with kubectl.")
    {
        KubeLoginCommand.Create(surroundings, shared),
        KubeTokenCommand.Create(surroundings, shared),
    };
}
