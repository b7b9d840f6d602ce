using Limn.Models;

namespace Limn.Games;

/// <summary>A game method that samples: more samples, smaller errors. A longer run begins with the samples of a shorter one with the same seed.</summary>
public abstract class SampledGameMethod(IPredictor model) : GameMethod(model)
{
    /// <summary>
    /// Sample until no value's standard error is more than this share of the output range, which is the largest value of any coalition seen less the smallest. Null:
    /// a fixed number of samples.
    /// </summary>
    [Option("tolerance", "Sample until no standard error is more than this share of the range of the model's scores; a fixed number of samples when left out.")]
    public double? Tolerance { get; init; }

    /// <summary>How many times the number of samples a run to a tolerance takes at most (default 64).</summary>
    [Option("patience", "How many times the number of samples a run to a tolerance takes at most.")]
    public int Patience { get; init; } = 64;

    /// <summary>Solves with so many samples, and with twice as many until the tolerance is met.</summary>
    /// <param name="game">The game, which remembers what was asked for already.</param>
    /// <param name="samples">The number to begin with.</param>
    /// <param name="solve">Solves with a number of samples; null where there are no more.</param>
    private protected Solution UntilPrecise(Game game, int samples, Func<int, Solution?> solve)
    {
        if (Tolerance is not { } tolerance) return Known(solve(samples)!);
        if (!(tolerance > 0)) throw new InvalidOptionException($"The tolerance must be positive, and {tolerance} was given.");
        if (Patience < 1) throw new InvalidOptionException($"The patience must be at least 1, and {Patience} was given.");
        long most = Math.Min((long)samples * Patience, int.MaxValue / 4);
        Solution solution = solve(samples)!;
        for (long n = 2L * samples; !IsPrecise(solution); n *= 2)
        {
            if (n > most || solve((int)n) is not { } better)
                return solution with { Remarks = [.. solution.Remarks, $"The tolerance of {tolerance} is not met after {game.Valued} coalitions: the largest standard error is {solution.StandardErrors!.Max() / game.Range:G2} of the range of the scores. Raise the patience, or take more samples to begin with."] };
            solution = better;
        }
        return Known(solution);

        bool IsPrecise(Solution s) => s.StandardErrors is null || s.StandardErrors.All(e => e <= tolerance * game.Range);
    }

    /// <summary>Without errors that a single sample leaves unknown.</summary>
    private static Solution Known(Solution solution) => solution.StandardErrors is { } errors && Array.Exists(errors, double.IsNaN) ? solution with { StandardErrors = null } : solution;

    private protected static int Positive(string option, int value) => value > 0 ? value : throw new InvalidOptionException($"The option '{option}' must be at least 1, and {value} was given.");
}
