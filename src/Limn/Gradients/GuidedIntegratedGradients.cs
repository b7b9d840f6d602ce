using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Guided Integrated Gradients: a path that changes first what the score hardly depends on, so that it avoids steep places.</summary>
/// <remarks>
/// From the baseline, each of n steps brings x nearer to the input by 1/n of their L₁ distance L. Of the elements not yet at their
/// bound, the share p with the smallest |∂F/∂xᵢ| moves; when all of these arrive before the step is done, the next share follows. The
/// bounds keep every element within d of the straight path: at step s it lies between the fractions (s + 1)/n − d and (s + 1)/n + d of
/// its way. φ = Σ Δx · ∇F(x), with the gradient at the beginning of the step, so that Σφ tends to F(x) − F(b); the delta is reported.
/// d = 0 is Integrated Gradients by the left Riemann rule. At a layer, the path runs in the layer's space; several inputs are one vector.
/// Kapishnikov et al.: Guided Integrated Gradients: An Adaptive Path Method for Removing Noise, CVPR 2021, algorithm 1.
/// </remarks>
[Method("guided-ig", "Guided Integrated Gradients", "Integrated Gradients along a path that moves first what the score hardly depends on.", Source = "Kapishnikov et al. 2021, algorithm 1",
    Formula = "φᵢ = Σₖ Δₖxᵢ · ∂F(xₖ)/∂xᵢ along a path that moves the elements of the smallest gradients first",
    Cost = "3 × forward + steps × (forward + backward)",
    Axioms = Axioms.All)]
public sealed class GuidedIntegratedGradients(OnnxModel model) : GradientMethod(model)
{
    private const double Arrived = 1e-9;

    /// <summary>Steps of the path (default 200, as in the paper); each takes a gradient, one after the other.</summary>
    [Option("steps", "Steps of the path; each takes a gradient.")]
    public int Steps { get; init; } = 200;

    /// <summary>The share of elements, those of the smallest gradients, that moves at once (default 0.25).</summary>
    [Option("fraction", "The share of elements, those of the smallest gradients, that moves at once.")]
    public double Fraction { get; init; } = 0.25;

    /// <summary>How far an element may be from the straight path, as a fraction of its way (default 0.02; 0 is the straight path, 1 no bound).</summary>
    [Option("max-distance", "How far an element may be from the straight path, as a fraction of its way.")]
    public double MaximumDistance { get; init; } = 0.02;

    /// <summary>Where the path starts (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    protected internal override MethodResult Compute(Question question)
    {
        CheckOptions();
        IReadOnlyList<NdArray> end = question.PlaceValues();
        double[] prediction = question.Scores(), baselineScore = new double[question.Rows], delta = new double[question.Rows];
        NdArray[] values = [.. end.Select(e => NdArray.Create(ElementType.Float, e.Dims.ToArray()))];
        int portion = question.Portion(), count = Baseline.Count;
        long done = 0, total = (long)count * question.Rows * Steps;
        foreach (IReadOnlyList<NdArray> start in question.Starts(Baseline))
        {
            double[] scores = question.WithPlaces(start).Scores();
            for (int r = 0; r < scores.Length; r++) baselineScore[r] += scores[r] / count;
            for (int from = 0; from < question.Rows; from += portion)
            {
                int[] rows = [.. Enumerable.Range(from, Math.Min(portion, question.Rows - from))];
                Walk[] walks = Array.ConvertAll(rows, r => new Walk(Row(start, r), Row(end, r), Fraction, MaximumDistance));
                Question some = question.Select(rows);
                for (int step = 0; step < Steps; step++)
                {
                    question.ThrowIfCancelled();
                    NdArray[] gradients = some.WithPlaces(Assemble(walks, end)).Gradient().Gradients;
                    for (int i = 0; i < rows.Length; i++) walks[i].Step(Row(gradients, i), (step + 1.0) / Steps);
                    question.Report(done += rows.Length, total);
                }
                for (int i = 0; i < rows.Length; i++)
                {
                    int at = 0;
                    foreach (NdArray value in values)
                        foreach (ref float v in value.Rows(rows[i], 1).Floats)
                        {
                            delta[rows[i]] += walks[i].Attribution[at] / count;
                            v += (float)(walks[i].Attribution[at++] / count);
                        }
                }
            }
        }
        for (int r = 0; r < delta.Length; r++) delta[r] -= prediction[r] - baselineScore[r];
        return new MethodResult(values, prediction, baselineScore, delta);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        const int MostRounds = 32;
        CheckOptions();
        GraphBuilder graph = question.Graph;
        Value Joined(IEnumerable<Value> values) => values.Select(v => graph.Flatten(v)).ToArray() is [var single] ? single : graph.Concat(1, [.. values.Select(v => graph.Flatten(v))]);
        IReadOnlyList<Value> end = question.PlaceValues();
        int[] sizes = [.. (question.Places.Select(p => question.Blank(p, 1).Length))];
        List<(Value Attribution, Value Score)> walks = [];
        foreach (IReadOnlyList<Value> inputs in question.Resolve(Baseline))
        {
            IReadOnlyList<Value> start = question.WithInputs(inputs).PlaceValues();
            var path = new GuidedPath(graph, Joined(start), Joined(end), sizes.Sum(), Fraction, MaximumDistance);
            if (path.Rounds > MostRounds) throw new InvalidOptionException($"A step that moves the fraction {Fraction} of the elements at once may take {path.Rounds} rounds, and in a graph at most {MostRounds} are possible. Use a larger fraction.");
            for (int step = 0; step < Steps; step++)
                path.Step(Joined(question.WithPlaces(Parted(path.Position)).Gradient().Gradients), (step + 1.0) / Steps);
            walks.Add((path.Attribution!, question.WithPlaces(start).Scores()));
        }
        IReadOnlyList<Value> values = Parted(graph.Mean([.. walks.Select(w => w.Attribution)]));
        Value prediction = question.Scores();
        return new GraphResult(values, prediction, question.Delta(values, prediction, graph.Mean([.. walks.Select(w => w.Score)])));

        Value[] Parted(Value joined) => [.. (sizes.Length == 1 ? [joined] : graph.Split(joined, 1, [.. sizes.Select(s => (long)s)])).Zip(end, (part, like) => graph.Assume(graph.ReshapeLike(part, like), like.Shape!))];
    }

    private void CheckOptions()
    {
        if (Steps < 1) throw new InvalidOptionException($"At least 1 step is needed, and {Steps} were asked for.");
        if (!(Fraction is > 0 and <= 1)) throw new InvalidOptionException($"The fraction lies between 0 and 1, and {Fraction} was given.");
        if (!(MaximumDistance is >= 0 and <= 1)) throw new InvalidOptionException($"The maximal distance lies between 0 and 1, and {MaximumDistance} was given.");
    }

    private static double[] Row(IReadOnlyList<NdArray> arrays, int row)
    {
        List<double> values = [];
        foreach (NdArray array in arrays)
            foreach (float v in array.Rows(row, 1).Floats) values.Add(v);
        return [.. values];
    }

    private static NdArray[] Assemble(Walk[] walks, IReadOnlyList<NdArray> like)
    {
        var arrays = new NdArray[like.Count];
        int at = 0;
        for (int p = 0; p < arrays.Length; p++)
        {
            int inner = like[p].Length / like[p].Dims[0];
            arrays[p] = NdArray.Create(like[p].Type, [walks.Length, .. like[p].Dims[1..]]);
            for (int i = 0; i < walks.Length; i++)
                for (int j = 0; j < inner; j++) arrays[p].Floats[i * inner + j] = (float)walks[i].Position[at + j];
            at += inner;
        }
        return arrays;
    }

    /// <summary>The way of one row from its baseline to its input.</summary>
    private sealed class Walk(double[] start, double[] end, double fraction, double maximumDistance)
    {
        private readonly double length = start.Zip(end, (b, x) => Math.Abs(x - b)).Sum();

        public double[] Position { get; } = [.. start];

        public double[] Attribution { get; } = new double[start.Length];

        /// <summary>Moves until the distance to the end is (1 − alpha) of the whole.</summary>
        public void Step(double[] gradient, double alpha)
        {
            double low = Math.Max(alpha - maximumDistance, 0), high = Math.Min(alpha + maximumDistance, 1), target = length * (1 - alpha);
            // What lags behind its bound catches up.
            for (int i = 0; i < Position.Length; i++)
                if (Share(i) < low) Move(i, At(i, low), gradient[i]);
            double distance = Distance();
            while (distance - target > Arrived * Math.Max(1, length))
            {
                int[] open = [.. Enumerable.Range(0, Position.Length).Where(i => Position[i] != At(i, high))];
                if (open.Length == 0) return;
                // The smallest gradients, ties and all; the rank is over all elements, those at their bound counting as last.
                double[] sizes = [.. open.Select(i => Math.Abs(gradient[i])).Order()];
                double threshold = sizes[Math.Min(sizes.Length - 1, (int)(fraction * (Position.Length - 1)))];
                int[] moving = [.. open.Where(i => !(Math.Abs(gradient[i]) > threshold))];
                double room = moving.Sum(i => Math.Abs(At(i, high) - Position[i]));
                double part = room > 0 ? Math.Min(1, (distance - target) / room) : 1;
                foreach (int i in moving) Move(i, part < 1 ? Position[i] + part * (At(i, high) - Position[i]) : At(i, high), gradient[i]);
                if (part < 1) return;
                distance = Distance();
            }
        }

        private double Distance()
        {
            double sum = 0;
            for (int i = 0; i < Position.Length; i++) sum += Math.Abs(end[i] - Position[i]);
            return sum;
        }

        private double At(int i, double share) => share == 1 ? end[i] : start[i] + share * (end[i] - start[i]);

        /// <summary>How much of its way an element has gone; all of it if there is none.</summary>
        private double Share(int i) => Position[i] == end[i] ? 1 : (Position[i] - start[i]) / (end[i] - start[i]);

        private void Move(int i, double to, double gradient)
        {
            Attribution[i] += (to - Position[i]) * gradient;
            Position[i] = to;
        }
    }
}
