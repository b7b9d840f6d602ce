using System.Collections.Concurrent;
using Limn.Models;

namespace Limn.Games;

/// <summary>Kernel SHAP: Shapley values as a weighted regression of the score on which features are present.</summary>
/// <remarks>
/// φ minimises Σ_S k(|S|) (v(S) − v(∅) − Σ_{i∈S} φᵢ)² under Σφ = v(all) − v(nobody), with the Shapley kernel k(s) = (M − 1) / (C(M, s) s (M − s)): with all
/// coalitions these are the Shapley values. With fewer, sizes are enumerated from the outside in as far as the budget goes, and the rest is drawn in pairs
/// of a coalition and its complement. All rows share the coalitions and the factorised regression. There is no regularisation: no value is zero for the
/// sake of it (shap keeps ten features by default). Lundberg, Lee: A Unified Approach to Interpreting Model Predictions, NeurIPS 2017, theorem 2;
/// Covert, Lee: Improving KernelSHAP, AISTATS 2021, section 4 (pairs).
/// </remarks>
[Method("kernel-shap", "Kernel SHAP", "Shapley values by a weighted regression of the score on which features are present.",
    Source = "Lundberg, Lee 2017, theorem 2; Covert, Lee 2021",
    Formula = "φ = argmin Σ_S k(|S|) (v(S) − v(∅) − Σ_{i∈S} φᵢ)², Σφ = v(all) − v(∅)",
    Cost = "(2 + (1 + samples) × background) × forward",
    Axioms = Axioms.All)]
public sealed class KernelShap(IPredictor model) : SampledGameMethod(model)
{
    // A design takes memory that grows with players and samples; rows of one explanation share it.
    private readonly ConcurrentDictionary<(int Players, int Samples, ulong Seed), KernelDesign> designs = new();

    /// <summary>How many coalitions are asked for; twice the number of players and 2048 when null, and never more than there are.</summary>
    [Option("samples", "How many coalitions are asked for; twice the number of features and 2048 when left out.")]
    public int? Samples { get; init; }

    /// <summary>How often coalitions of each size are drawn.</summary>
    [Option("sampling", "How often coalitions of each size are drawn: as they weigh, or by their leverage.")]
    public CoalitionSampling Sampling { get; init; } = CoalitionSampling.Kernel;

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        int players = game.Players;
        if (players == 1) return new Solution([game.Full - game.Empty]);
        int all = players < 31 ? (1 << players) - 2 : int.MaxValue;
        bool finished = false;
        return UntilPrecise(game, Math.Min(all, Positive("samples", Samples ?? 2 * players + 2048)), samples =>
        {
            if (finished) return null;
            finished = samples >= all;
            KernelDesign design = DesignOf(players, Math.Min(samples, all), seed);
            game.Expected = design.Coalitions.Count + 2;
            return design.Solve(game.Empty, game.Full, game.Values(design.Coalitions));
        });
    }

    private KernelDesign DesignOf(int players, int samples, ulong seed)
    {
        const int MostKept = 8;
        if (designs.Count > MostKept) designs.Clear();
        return designs.GetOrAdd((players, samples, seed), key => KernelDesign.Of(key.Players, key.Samples, key.Seed, Sampling));
    }
}
