using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Meaningful Perturbation: the smallest smooth part of a picture whose blurring takes the score away.</summary>
/// <remarks>
/// Minimises over a coarse mask m ∈ [0, 1], 1 keeping and 0 blurring, max(0, (F(Φ(x; m)) − F(b)) / (F(x) − F(b))) + λ₁ mean |1 − m| + λ₂ mean ‖∇m‖³, with Φ = b + (x − b) M, M the mask enlarged and
/// blurred, b the blurred picture. Adam, each step on a picture shifted by a few pixels, the mask clamped; it starts from the smallest disc in the middle whose blurring takes 99 % of the
/// score's change away. The value of a pixel is 1 − M: how far it must go. Fong, Vedaldi: Interpretable Explanations of Black Boxes by Meaningful Perturbation, ICCV 2017, eq. 6 and section 4.3;
/// the weights are those of the paper for its 28 × 28 cells (10⁻⁴ and 10⁻² a cell, 0.0784 and 7.84 as means), all lengths those for 224 pixels, in proportion. The score is measured by the
/// change that blurring everything makes, and counts until that is reached, so that logits, which can go below any bound, weigh against the mask like probabilities (for one near 1 that is the paper's). The enlarged mask is blurred by 5 / 224 of the longer side.
/// </remarks>
[Method("meaningful-perturbation", "Meaningful Perturbation", "The smallest smooth part of a picture whose blurring takes the score away.",
    Source = "Fong, Vedaldi 2017, eq. 6",
    Formula = "1 − argmin over m of max(0, (F(b + (x − b) · m) − F(b)) / (F(x) − F(b))) + λ₁ mean |1 − m| + λ₂ mean ‖∇m‖³",
    Cost = "13 × forward + steps × (forward + backward)",
    NotApplicable = Axioms.All, NotApplicableBecause = NoAxioms)]
public sealed class MeaningfulPerturbation(OnnxModel model) : MaskMethod(model)
{
    private const int Discs = 10;
    private const double Gone = 0.01, Of224 = 1 / 224.0;
    private const double FirstMoment = 0.9, SecondMoment = 0.999, Epsilon = 1e-8;

    /// <summary>Steps of the search (default 300).</summary>
    [Option("steps", "Steps of the search.")]
    public int Steps { get; init; } = 300;

    /// <summary>How far a step goes (default 0.1).</summary>
    [Option("rate", "How far a step goes.")]
    public double Rate { get; init; } = 0.1;

    /// <summary>Cells of the mask along the longer side (default 28); as many as pixels where they are fewer.</summary>
    [Option("cells", "Cells of the mask along the longer side.")]
    public int Cells { get; init; } = 28;

    /// <summary>λ₁, the weight of the mask's size (default 0.0784).</summary>
    [Option("size-weight", "The weight of the mask's size.")]
    public double SizeWeight { get; init; } = 1e-4 * 784;

    /// <summary>λ₂, the weight of the mask's roughness (default 7.84).</summary>
    [Option("roughness-weight", "The weight of the mask's roughness.")]
    public double RoughnessWeight { get; init; } = 1e-2 * 784;

    /// <summary>How many pixels the picture is shifted at most in a step. Null: 4 of 224 along the longer side.</summary>
    [Option("jitter", "How many pixels the picture is shifted at most in a step; 4 of 224 along the longer side when left out.")]
    public int? Jitter { get; init; }

    /// <summary>What the picture is where it is deleted (default the picture, blurred).</summary>
    public Baseline Baseline { get; init; } = Baseline.Blur();

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        Positive("steps", Steps);
        if (!(Rate > 0)) throw new InvalidOptionException($"The option 'rate' must be positive, and {Rate} was given.");
        if (!(SizeWeight >= 0) || !(RoughnessWeight >= 0)) throw new InvalidOptionException($"The weights of size and roughness cannot be negative, and {SizeWeight} and {RoughnessWeight} were given.");
        if (Jitter < 0) throw new InvalidOptionException($"The option 'jitter' cannot be negative, and {Jitter} was given.");
        double[] prediction = question.Scores();
        var pictures = new Pictures(question, Name);
        PicturePlace place = pictures.Place;
        double cell = Math.Max(1, pictures.Side / (double)Positive("cells", Cells));
        MaskMap map = MaskMap.Blurred(place.Height, place.Width, Math.Max(1, (int)Math.Round(place.Height / cell)), Math.Max(1, (int)Math.Round(place.Width / cell)), 5 * Of224 * pictures.Side);
        int jitter = Jitter ?? (int)Math.Round(4 * Of224 * pictures.Side);
        NdArray absent = pictures.Resolve(Baseline, Name), difference = Pictures.Difference(pictures.Present, absent), seen = NdArray.Create(ElementType.Float, absent.Dims.ToArray());
        float[] pixels = new float[place.Positions], back = new float[place.Positions], gradient = new float[map.Count];

        double[] without = pictures.With(absent).Scores(), changes = [.. pictures.Units(prediction, without).Select((u, r) => prediction[r] < without[r] ? -u : u)];
        float[][] masks = Start();
        (double[][] first, double[][] second) = (Zeros(), Zeros());
        var random = new CounterRandom(question.Seed);
        for (int step = 0; step < Steps; step++)
        {
            question.ThrowIfCancelled();
            int right = random.Below(2 * jitter + 1, 2 * (ulong)step) - jitter, down = random.Below(2 * jitter + 1, 2 * (ulong)step + 1) - jitter;
            for (int r = 0; r < masks.Length; r++) See(r, masks[r]);
            (double[] scores, NdArray slope) = pictures.GradientAt(Shifted(seen, place, right, down, false));
            slope = Shifted(slope, place, right, down, true);
            for (int r = 0; r < masks.Length; r++)
            {
                place.SumProducts(pictures.Row(slope, r), pictures.Row(difference, r), back);
                map.Reduce(back, gradient);
                double gone = (scores[r] - without[r]) / changes[r] > 0 ? 1 / changes[r] : 0; // no more can be taken away than all
                for (int k = 0; k < gradient.Length; k++) gradient[k] = (float)(gradient[k] * gone - (masks[r][k] < 1 ? SizeWeight / map.Count : 0));
                AddRoughness(masks[r], map.Cells, RoughnessWeight / map.Count, gradient);
                Descend(masks[r], gradient, first[r], second[r], step + 1);
            }
            question.Report(step + 1, Steps);
        }
        float[][] maps = new float[masks.Length][];
        for (int r = 0; r < maps.Length; r++)
        {
            map.Enlarge(masks[r], pixels);
            maps[r] = Array.ConvertAll(pixels, m => Math.Clamp(1 - m, 0, 1));
        }
        return new MethodResult(place.Spread(question.Inputs, maps), prediction);

        double[][] Zeros() => [.. masks.Select(_ => new double[map.Count])];

        void See(int r, float[] mask)
        {
            map.Enlarge(mask, pixels);
            place.Mix(pictures.Row(difference, r), pictures.Row(absent, r), pixels, pictures.Row(seen, r));
        }

        float[][] Start()
        {
            float[][] discs = [.. Enumerable.Range(1, Discs).Select(k => Disc(map.Cells, k / (double)Discs))];
            var chosen = new float[pictures.Rows][];
            foreach (float[] disc in discs)
            {
                for (int r = 0; r < chosen.Length; r++) See(r, disc);
                double[] left = pictures.With(seen).Scores();
                for (int r = 0; r < chosen.Length; r++)
                    if ((left[r] - without[r]) / (prediction[r] - without[r]) <= Gone) chosen[r] ??= [.. disc];
            }
            return [.. chosen.Select(c => c ?? [.. discs[^1]])];
        }
    }

    /// <summary>A mask that deletes a disc in the middle; its radius is a share of the half diagonal.</summary>
    private static float[] Disc((int Rows, int Columns) cells, double share)
    {
        var mask = new float[cells.Rows * cells.Columns];
        double radius = share * Math.Sqrt(cells.Rows * cells.Rows + cells.Columns * cells.Columns) / 2;
        for (int k = 0; k < mask.Length; k++)
        {
            double y = k / cells.Columns + 0.5 - cells.Rows / 2.0, x = k % cells.Columns + 0.5 - cells.Columns / 2.0;
            mask[k] = y * y + x * x <= radius * radius ? 0 : 1;
        }
        return mask;
    }

    /// <summary>Adds the gradient of weight · Σ (dx² + dy²)^3/2, with differences to the right and below; none beyond the edge.</summary>
    private static void AddRoughness(float[] mask, (int Rows, int Columns) cells, double weight, float[] gradient)
    {
        for (int k = 0; k < mask.Length; k++)
        {
            int right = (k + 1) % cells.Columns == 0 ? k : k + 1, below = k + cells.Columns < mask.Length ? k + cells.Columns : k;
            double dx = mask[right] - mask[k], dy = mask[below] - mask[k], slope = 3 * weight * Math.Sqrt(dx * dx + dy * dy);
            gradient[right] += (float)(slope * dx);
            gradient[below] += (float)(slope * dy);
            gradient[k] -= (float)(slope * (dx + dy));
        }
    }

    /// <summary>A step of Adam (Kingma, Ba 2015), kept between 0 and 1.</summary>
    private void Descend(float[] mask, float[] gradient, double[] first, double[] second, int step)
    {
        double ofFirst = 1 - Math.Pow(FirstMoment, step), ofSecond = 1 - Math.Pow(SecondMoment, step);
        for (int k = 0; k < mask.Length; k++)
        {
            first[k] += (1 - FirstMoment) * (gradient[k] - first[k]);
            second[k] += (1 - SecondMoment) * ((double)gradient[k] * gradient[k] - second[k]);
            mask[k] = (float)Math.Clamp(mask[k] - Rate * (first[k] / ofFirst) / (Math.Sqrt(second[k] / ofSecond) + Epsilon), 0, 1);
        }
    }

    /// <summary>Each pixel takes that so many to the right and below, the edge being repeated; or, backwards, gives to it.</summary>
    private static NdArray Shifted(NdArray pictures, PicturePlace place, int right, int down, bool backwards)
    {
        if (right == 0 && down == 0) return pictures;
        NdArray shifted = NdArray.Create(ElementType.Float, pictures.Dims.ToArray());
        int planes = place.Interleaved ? pictures.Length / place.Positions / place.Channels : pictures.Length / place.Positions, inner = place.Interleaved ? place.Channels : 1;
        for (int p = 0; p < planes; p++)
            for (int y = 0; y < place.Height; y++)
                for (int x = 0; x < place.Width; x++)
                {
                    int here = (p * place.Positions + y * place.Width + x) * inner;
                    int there = (p * place.Positions + Math.Clamp(y + down, 0, place.Height - 1) * place.Width + Math.Clamp(x + right, 0, place.Width - 1)) * inner;
                    for (int c = 0; c < inner; c++)
                        if (backwards) shifted.Floats[there + c] += pictures.Floats[here + c];
                        else shifted.Floats[here + c] = pictures.Floats[there + c];
                }
        return shifted;
    }
}
