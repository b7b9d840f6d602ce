using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Games;

/// <summary>A method that looks for a mask over a picture by following the gradient of the score of what is seen through it.</summary>
public abstract class MaskMethod(OnnxModel model) : GradientMethod(model)
{
    private protected const string NoAxioms = "Its values are a mask between 0 and 1, found by a search, and no parts of the score.";

    internal override bool TakesLayers => false;

    internal override string? NotInGraph => "It searches for a mask step by step, and keeps account of the steps.";

    private protected static int Positive(string option, int value) => value > 0 ? value : throw new InvalidOptionException($"The option '{option}' must be at least 1, and {value} was given.");

    /// <summary>The pictures of a question, and the score and its gradient when they are changed.</summary>
    private protected sealed class Pictures
    {
        private readonly Question question;
        private readonly int at;

        public Pictures(Question question, string method)
        {
            this.question = question;
            Place = PicturePlace.Of(question.Model, question.Inputs, method);
            Value input = question.Network.Graph.Inputs[Place.Index];
            at = Enumerable.Range(0, question.Places.Count).FirstOrDefault(i => question.Places[i] == input, -1);
            if (question.Inputs[Place.Index].Rank != 4 || at < 0)
                throw new InvalidOptionException($"The method '{method}' looks for a mask over a picture [N,C,H,W], and no input is one: {string.Join(", ", question.Inputs)}. Use rise, sobol or hsic, which also take tables.");
        }

        public PicturePlace Place { get; }

        public NdArray Present => question.Inputs[Place.Index];

        public int Rows => question.Rows;

        /// <summary>The longer side in pixels.</summary>
        public int Side => Math.Max(Place.Height, Place.Width);

        /// <summary>The question with other pictures; the other inputs stay.</summary>
        public Question With(NdArray pictures) => question.WithInputs([.. question.Inputs.Select((x, i) => i == Place.Index ? pictures : x)]);

        /// <summary>The scores of other pictures, and their gradients there.</summary>
        public (double[] Scores, NdArray Gradient) GradientAt(NdArray pictures) => With(pictures).Gradient() is var (scores, gradients) ? (scores, gradients[at]) : default;

        /// <summary>The single baseline of the pictures.</summary>
        public NdArray Resolve(Baseline baseline, string method)
        {
            IReadOnlyList<NdArray>[] all = [.. question.Resolve(baseline).Take(2)];
            return all.Length == 1 ? all[0][Place.Index] : throw new InvalidOptionException($"The method '{method}' takes a single baseline, and {baseline.Count} were given. Leave --background away, or give one of its rows as --baseline.");
        }

        /// <summary>By what scores are divided so that one is the distance of the picture from one without anything in it: the size of that change, or 1 where there is none.</summary>
        public double[] Units(double[] prediction, double[] without) => [.. prediction.Zip(without, (p, b) => Math.Abs(p - b) > 1e-9 * (1 + Math.Abs(p)) ? Math.Abs(p - b) : 1)];

        public static NdArray Difference(NdArray a, NdArray b)
        {
            NdArray difference = NdArray.Create(ElementType.Float, a.Dims.ToArray());
            TensorPrimitives.Subtract(a.Floats, b.Floats, difference.Floats);
            return difference;
        }

        /// <summary>The elements of a row.</summary>
        public Span<float> Row(NdArray array, int row) => array.Floats.Slice(row * (array.Length / Rows), array.Length / Rows);
    }
}
