"""Stored runs side by side: their curves, profiles, final losses and knobs; a sweep as one."""
