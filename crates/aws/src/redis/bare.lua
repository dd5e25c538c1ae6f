-- Does nothing, with as many keys and arguments as a hold: what any script costs at least.
return nil
