using Limn.Models;

namespace Limn.Games;

/// <summary>Partition SHAP: Owen values, in which features of a group stand together against others, and share within it.</summary>
/// <remarks>
/// In a tree of groups the two children of a node are two players: each gets half of what it adds alone, and half of what it adds to the other, in every context of
/// groups around them, present or absent: the Owen value of the tree (Winter 1989). With all contexts it is exact: about M² coalitions for a balanced tree. With fewer
/// (<see cref="Samples"/>), nodes are opened where most is at stake, |v(with) − v(without)| times the weight of the context; what stays on an unopened group is shared
/// evenly among its members, and that is said. Features that carry the same information are not torn apart, which costs less and leads less out of the data.
/// Owen: Values of Games with a Priori Unions, 1977; shap's PartitionExplainer.
/// </remarks>
[Method("partition-shap", "Partition SHAP (Owen Values)", "Each feature's fair share of the score, with the features of a group standing together.",
    Source = "Owen 1977; Winter 1989",
    Formula = "φ_L = ½ (v(C ∪ L) − v(C)) + ½ (v(C ∪ L ∪ R) − v(C ∪ R)), from the root down, mean over the contexts C",
    Cost = "(2 + (1 + samples) × background) × forward",
    Axioms = Axioms.Completeness | Axioms.Sensitivity | Axioms.ImplementationInvariance)]
public sealed class PartitionShap(IPredictor model) : GameMethod(model)
{
    private const int Portion = 32; // nodes that are opened at once

    /// <summary>How many coalitions are asked for at most (default 500).</summary>
    [Option("samples", "How many coalitions are asked for at most.")]
    public int Samples { get; init; } = 500;

    /// <summary>Which features belong together. Null: those that go up and down together over the background (of two rows or more), or halves of halves in their order.</summary>
    public Hierarchy? Hierarchy { get; init; }

    private protected override Hierarchy? HierarchyOf(Players players, IReadOnlyList<Engine.NdArray> absent) =>
        Hierarchy is { } given ? given.Players == players.Count ? given : throw new InvalidOptionException($"The hierarchy is of {given.Players} players, and there are {players.Count}.")
        : players.Hierarchy ?? (absent[0].Dims[0] > 1 ? Games.Hierarchy.ByCorrelation(players, absent) : null);

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        if (Samples < 1) throw new InvalidOptionException($"The option 'samples' must be at least 1, and {Samples} was given.");
        Hierarchy tree = game.Hierarchy ?? Games.Hierarchy.Halving(game.Players);
        var values = new double[game.Players];
        var contexts = new Coalitions(game.Players).AddEmpty();
        var open = new PriorityQueue<Stake, (double, int)>();
        int number = 0;
        void Add(Stake stake)
        {
            if (tree.IsPlayer(stake.Node)) values[stake.Node] += stake.Weight * (stake.With - stake.Without);
            else open.Enqueue(stake, (-Math.Abs(stake.With - stake.Without) * stake.Weight, number++)); // of equal stakes the first
        }

        game.Expected = Samples + 1;
        Add(new Stake(tree.Root, 0, 1, game.Empty, game.Full));
        long asked = game.Valued;
        while (open.Count > 0 && game.Valued - asked + 2 <= Samples)
        {
            List<Stake> now = [];
            while (open.Count > 0 && now.Count < Portion && game.Valued - asked + 2 * now.Count + 2 <= Samples) now.Add(open.Dequeue());
            int from = contexts.Count;
            foreach (Stake stake in now)
            {
                (int left, int right) = tree.Children(stake.Node);
                Join(contexts.Add(contexts[stake.Context]), left);
                Join(contexts.Add(contexts[stake.Context]), right);
            }
            double[] found = game.Values(Last(contexts, from));
            for (int k = 0; k < now.Count; k++)
            {
                (int node, int context, double weight, double without, double with) = now[k];
                (int left, int right) = tree.Children(node);
                (int withLeft, int withRight) = (from + 2 * k, from + 2 * k + 1);
                (double ofLeft, double ofRight) = (found[2 * k], found[2 * k + 1]);
                Add(new Stake(left, context, weight / 2, without, ofLeft));
                Add(new Stake(left, withRight, weight / 2, ofRight, with));
                Add(new Stake(right, context, weight / 2, without, ofRight));
                Add(new Stake(right, withLeft, weight / 2, ofLeft, with));
            }
        }

        double unopened = 0;
        while (open.TryDequeue(out Stake stake, out _))
        {
            ReadOnlySpan<int> members = tree.Members(stake.Node);
            foreach (int i in members) values[i] += stake.Weight * (stake.With - stake.Without) / members.Length;
            unopened += stake.Weight * Math.Abs(stake.With - stake.Without);
        }
        return new Solution(values)
        {
            Remarks = unopened == 0 ? [] : [$"Groups whose parts add up to {unopened:G3} (in absolute terms) were not opened within {Samples} coalitions; their members share evenly. Take more samples to tell them apart."],
        };

        void Join(Coalitions to, int node)
        {
            foreach (int i in tree.Members(node)) to.Join(i);
        }
    }

    private static Coalitions Last(Coalitions all, int from)
    {
        var last = new Coalitions(all.Players, all.Count - from);
        for (int i = from; i < all.Count; i++) last.Add(all[i]);
        return last;
    }

    /// <summary>What a node may bring in a context: from without it to with it.</summary>
    private readonly record struct Stake(int Node, int Context, double Weight, double Without, double With);
}
