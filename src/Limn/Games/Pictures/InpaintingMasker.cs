using Limn.Data;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Absent parts of a picture are filled from what surrounds them (<see cref="Inpainting.Telea"/>), anew for each coalition; other inputs' absent elements are zero.</summary>
/// <remarks>
/// A pixel is filled in all channels as soon as one of its elements is absent. Where everything is absent each channel is its mean over the picture. A fill takes time of its own,
/// about a millisecond for every ten thousand absent pixels.
/// </remarks>
internal sealed class InpaintingMasker : IMasker
{
    private readonly Players players;
    private readonly IReadOnlyList<NdArray> present;
    private readonly PicturePlace?[] pictures;
    private readonly NdArray?[] planes;
    private readonly ReplacingMasker others;

    /// <param name="model">The model, which says where channels are.</param>
    /// <param name="players">Who owns which element.</param>
    /// <param name="present">The row that is explained.</param>
    public InpaintingMasker(IPredictor model, Players players, IReadOnlyList<NdArray> present)
    {
        (this.players, this.present) = (players, present);
        pictures = [.. present.Select((x, i) => x.Type.IsFloating() && x.Rank == 4 ? PicturePlace.Picture(model, x, i) : null)];
        planes = [.. pictures.Select((p, i) => p?.Planes(present[i]))];
        others = new ReplacingMasker(players, present, [.. present.Select(x => NdArray.Create(x.Type, x.Dims.ToArray()))]);
        if (pictures.All(p => p is null))
            throw new InvalidOptionException($"Inpainting fills parts of pictures [N,C,H,W], and no input is one: {string.Join(", ", present.Select(x => NdArray.Describe(x.Dims)))}. Use --baseline 0, mean or a file.");
    }

    public int Players => players.Count;

    public int Draws => 1;

    public IReadOnlyList<double>? Weights => null;

    public NdArray[] Room(int rows) => others.Room(rows);

    public void Write(ReadOnlySpan<ulong> coalition, int draw, int draws, IReadOnlyList<NdArray> rows, int at)
    {
        others.Write(coalition, draw, draws, rows, at);
        for (int i = 0; i < pictures.Length; i++)
        {
            if (pictures[i] is not { } place) continue;
            int[] of = players.Of[i];
            var missing = new bool[place.Positions];
            for (int e = 0; e < of.Length; e++)
                if (of[e] >= 0 && !Coalitions.Has(coalition, of[e])) missing[place.Interleaved ? e / place.Channels : e % place.Positions] = true;
            NdArray filled = Inpainting.Telea(planes[i]!, missing, extrapolate: false);
            Span<float> to = rows[i].Floats.Slice(at * of.Length, of.Length);
            for (int e = 0; e < to.Length; e++) to[e] = filled.Floats[place.Interleaved ? e % place.Channels * place.Positions + e / place.Channels : e];
        }
    }
}
